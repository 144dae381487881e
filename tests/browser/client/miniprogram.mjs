// Runs a mini program's page in Node: `node miniprogram.mjs PAGE.js JSON` with `{port, token, queries}`. What the page uses
// of WeChat is here: `Page` and `wx`; its address `localhost:8001` is reached at `port`. Prints its messages.
import {pathToFileURL} from 'node:url';
import WebSocket from '../vendor/ws/wrapper.mjs';

const [file, given] = process.argv.slice(2);
const {port, token, steps} = JSON.parse(given);

globalThis.wx = {
  getStorageSync: key => (key === 'token' ? token : ''),
  connectSocket({url}) {
    const socket = new WebSocket(url.replace('localhost:8001', `127.0.0.1:${port}`));
    return {
      onOpen: told => socket.on('open', () => told({})),
      onMessage: told => socket.on('message', data => told({data: String(data)})),
      onClose: told => socket.on('close', (code, reason) => told({code, reason: String(reason)})),
      onError: told => socket.on('error', error => told({errMsg: error.message})),
      send: ({data}) => socket.send(data),
      close: ({code}) => socket.close(code),
    };
  },
};

let page;
let changed = () => {};
globalThis.Page = definition => {
  page = Object.assign(Object.create(definition), {
    data: structuredClone(definition.data),
    setData(values) {
      for (const [path, value] of Object.entries(values)) {
        const place = path.match(/^messages\[(\d+)\]$/);
        // WeChat hands copies to the view
        if (place) this.data.messages[Number(place[1])] = structuredClone(value);
        else this.data[path] = value;
      }
      changed();
    },
  });
};

await import(pathToFileURL(file).href);
page.onLoad();
page.onShow();
for (const [place, {query, approved}] of steps.entries()) {
  if (query) page.ask({detail: {value: query}});
  else page.decide({currentTarget: {dataset: {approval: page.data.messages[place - 1].approval.approval_id, approved}}});
  await new Promise(resolve => {
    let begun = false;
    changed = () => {
      const message = page.data.messages[place];
      begun ||= Boolean(message?.doing);
      if (begun && message.text && !message.doing) resolve();
    };
  });
}
const {messages, state} = page.data;
page.onUnload();
process.stdout.write(JSON.stringify({messages, state}), () => process.exit(0));
