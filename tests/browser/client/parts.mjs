// The pure parts of the chat page in Node: `node parts.mjs PART JSON` prints what it returns.
import {addApprovals, receive, settleApprovals} from '../../../web/page/frames.js';
import {barsOf, shape, sorted} from '../../../web/page/shaping.js';

const parts = {
  shape,
  barsOf,
  sorted: ({rows, column, descending}) => sorted(rows, column, descending),
  messages({frames, questions = {}, waiting}) {
    const messages = [];
    for (const frame of frames) receive(messages, frame, questions, false);
    if (waiting) {
      settleApprovals(messages, waiting);
      addApprovals(messages, waiting);
    }
    return messages;
  },
};

const [part, given] = process.argv.slice(2);
process.stdout.write(JSON.stringify(parts[part](JSON.parse(given)) ?? null));
