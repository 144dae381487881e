// Scenes with the client library, the same in Chromium and in Node; test_client_library.py judges what they return.
import {connect, browserLink, wxLink} from '../../../web/steward-client.js';

const kinds = {
  browser: WebSocketClass => browserLink(WebSocketClass),
  wx: WebSocketClass => wxLink(wxOver(WebSocketClass)),
};

/** `wx` as WeChat documents `connectSocket` and its SocketTask, over the runtime's own WebSocket. */
function wxOver(WebSocketClass = WebSocket) {
  return {
    connectSocket({url}) {
      const socket = new WebSocketClass(url);
      return {
        onOpen: told => { socket.onopen = () => told({header: {}}); },
        onMessage: told => { socket.onmessage = ({data}) => told({data}); },
        onClose: told => { socket.onclose = ({code, reason}) => told({code, reason}); },
        onError: told => { socket.onerror = () => told({errMsg: 'connectSocket:fail'}); },
        send: ({data}) => socket.send(data),
        close: ({code}) => socket.close(code),
      };
    },
  };
}

/** A client of the given kind of link, with all that it was told. */
function open({url, kind = 'browser', options = {}}, WebSocketClass) {
  const seen = {frames: [], states: [], errors: []};
  let leave;
  seen.left = new Promise(resolve => { leave = resolve; });
  const client = connect(url, {
    link: kinds[kind](WebSocketClass),
    onframe: frame => seen.frames.push(frame),
    onstate: (state, {error}) => { seen.states.push(state); if (error) seen.errors.push(error.code); if (state === 'closed') leave(); },
    ...options,
  });
  return {client, seen};
}

async function all(turn) {
  const frames = [];
  for await (const frame of turn) frames.push(frame);
  return frames;
}

/** Its frames, or the code of its refusal. */
const settled = turn => all(turn).catch(error => ({code: error.code, message: error.message, name: error.name}));

export const scenes = {
  /** Questions asked at once: each one's frames, and all the client saw. */
  async asks(given, WebSocketClass) {
    const {client, seen} = open(given, WebSocketClass);
    const turns = given.queries.map(query => client.ask(query));
    const answers = [];
    for (const turn of turns) answers.push(await all(turn));
    client.close();
    return {answers, seen, place: client.place};
  },
  /** A dialogue of words and approvals: `{query}`, or `{approved}` for the approval of the frames before. */
  async dialogue(given, WebSocketClass) {
    const {client, seen} = open(given, WebSocketClass);
    const results = [];
    for (const {query, approved} of given.steps) {
      const asked = seen.frames.findLast(({type}) => type === 'approval');
      results.push(await settled(query ? client.ask(query) : client.approve(asked.approval_id, approved)));
    }
    client.close();
    return {results};
  },
  /** A question that is stopped when its first chunk comes, and one that is stopped before it is sent. */
  async stops(given, WebSocketClass) {
    const {client} = open(given, WebSocketClass);
    const early = client.ask(given.query);
    early.cancel();
    const first = await all(early);
    const late = client.ask(given.query);
    const second = [];
    for await (const frame of late) {
      second.push(frame);
      if (second.filter(({type}) => type === 'chunk').length === 1) late.cancel();
    }
    client.close();
    return {first, second};
  },
  /** One question by each of several logins on one client. */
  async logins(given, WebSocketClass) {
    const {client, seen} = open(given, WebSocketClass);
    const results = [];
    for (const token of given.tokens) {
      client.login(token);
      results.push(await settled(client.ask(given.query)));
    }
    client.close();
    return {results, states: seen.states, errors: seen.errors};
  },
  /** A page that asks, and the next one, which goes on at its place and asks again. */
  async pages(given, WebSocketClass) {
    const first = open(given, WebSocketClass);
    await all(first.client.ask(given.query));
    first.client.close();
    const second = open({...given, options: {...given.options, place: first.client.place}}, WebSocketClass);
    await all(second.client.ask(given.query));
    second.client.close();
    const third = open({...given, options: {...given.options, place: {...first.client.place, after: 0}}}, WebSocketClass);
    await all(third.client.ask(given.query));
    third.client.close();
    return [first, second, third].map(({seen}) => seen.frames);
  },
  /** Questions to a gateway that is played; their frames, or refusals. `stays`: until the gateway closes. */
  async played(given, WebSocketClass) {
    const {client, seen} = open(given, WebSocketClass);
    const turns = (given.queries ?? ['?']).map(query => client.ask(query));
    const results = [];
    for (const turn of turns) results.push(await settled(turn));
    if (given.rate) client.rate(...given.rate);
    if (!given.stays) client.close();
    await seen.left;
    return {results, states: seen.states, place: client.place};
  },
  /** The text of one question. */
  async text(given, WebSocketClass) {
    const {client} = open(given, WebSocketClass);
    const text = await client.ask(given.query).text();
    client.close();
    return text;
  },
};
