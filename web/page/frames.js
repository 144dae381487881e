// Frames become messages: what stands on the page after any sequence of them. Pure; `session.js` calls it.

/** An answer before anything is known of it. */
export function emptyAnswer(more = {}) {
  return {kind: 'assistant', turn_id: '', client_msg_id: '', question: '', steps: [], content: '', data: [],
    approval: null, running: true, outcome: '', error: null, score: 0, instant: false, ...more};
}

/**
 * One frame of a turn. `questions` are the words of this page's and earlier pages' questions by their client_msg_id;
 * `instant`: it was missed, so its text is shown without typing it.
 * @param {any[]} messages @param {any} frame @param {Record<string, string>} questions @param {boolean} instant
 */
export function receive(messages, frame, questions, instant) {
  const name = frame.data?.client_msg_id;
  let answer = messages.findLast(one => one.turn_id === frame.turn_id);
  if (!answer && name) answer = messages.find(one => one.kind === 'assistant' && one.client_msg_id === name);
  if (!answer && frame.data?.approval_id) answer = messages.find(one => one.answers === frame.data.approval_id && !one.turn_id);
  if (!answer) {
    if (questions[name]) messages.push({kind: 'user', text: questions[name], photos: []});
    messages.push(emptyAnswer({question: questions[name] ?? ''}));
    answer = messages.at(-1);
  }
  answer.turn_id = frame.turn_id;
  answer.instant = instant;
  take(answer, frame, messages);
}

function take(answer, frame, messages) {
  switch (frame.type) {
    case 'status': return status(answer, frame, messages);
    case 'chunk': answer.content += frame.content; return;
    case 'data': answer.data.push({kind: frame.kind, payload: frame.payload, key: answer.data.length}); return;
    case 'approval': answer.approval = pending(frame); return;
    case 'snapshot':
      answer.content = frame.content;
      if (frame.outcome) Object.assign(answer, {running: false, outcome: frame.outcome});
      return;
    case 'error':
      Object.assign(answer, {running: false, error: {content: frame.content, code: frame.code}});
      settle(answer);
  }
}

function status(answer, {status: what, data}, messages) {
  const step = answer.steps.find(one => one.id === data.tool_call_id);
  if (what === 'thinking') {
    // it may be a turn that is told once more
    Object.assign(answer, {content: '', steps: [], data: [], running: true, error: null});
    for (const {approval} of messages) {
      if (approval?.state === 'pending' && approval.approval_id === data.approval_id) approval.state = 'settled';
    }
  } else if (what === 'tool_calling') {
    answer.steps.push({id: data.tool_call_id, message: data.message, done: false, duration_ms: 0});
  } else if (what === 'tool_completed' && step) {
    Object.assign(step, {message: data.message, done: true, duration_ms: data.duration_ms});
  } else if (what === 'completed') {
    Object.assign(answer, {running: false, outcome: data.outcome});
    settle(answer);
  }
}

/** Nothing of an answer that has ended is under way. */
function settle(answer) {
  for (const step of answer.steps) step.done = true;
}

const pending = card => ({...card, state: 'pending', note: ''});

/** Cards that are not among the writes which wait, as `ready` and `snapshot` tell them, are settled. */
export function settleApprovals(messages, waiting) {
  for (const {approval} of messages) {
    if (approval?.state === 'pending' && !waiting.some(card => card.approval_id === approval.approval_id)) approval.state = 'settled';
  }
}

/** Cards of writes that wait, where the entries that showed them are gone. */
export function addApprovals(messages, waiting) {
  for (const card of waiting) {
    if (!messages.some(({approval}) => approval?.approval_id === card.approval_id)) {
      messages.push(emptyAnswer({running: false, outcome: 'approval', approval: pending(card)}));
    }
  }
}
