/**
 * Steward's WebSocket protocol for front ends: questions as async iterators of frames, approvals, cancel, resume.
 *
 * One file without dependencies, for browsers, WeChat mini programs and Node. docs/clients.md shows it in use,
 * docs/protocol.md is what it speaks. It keeps the token in memory and puts it into `hello` alone, never into an address.
 *
 * @typedef {{type: string, conversation_id?: string, turn_id?: string, seq?: number, [field: string]: any}} Frame
 * @typedef {{conversation_id?: string, epoch?: string, after?: number}} Place where a conversation was left off
 * @typedef {{send(text: string): void, close(code?: number): void}} Link
 * @typedef {{open(): void, message(text: any): void, close(code: number, reason?: string): void}} Listener
 * @typedef {(url: string, on: Listener) => Link} OpenLink
 * @typedef {'connecting' | 'open' | 'waiting' | 'closed'} State `waiting`: the connection was lost and will be tried again
 * @typedef {Object} Options
 * @property {string} [token] the resident's own; without one the conversation ends with its connection
 * @property {'zh' | 'en'} [locale]
 * @property {Place} [place] `client.place` as an earlier page kept it: what was missed since then comes first
 * @property {OpenLink} [link] how a socket is opened: `browserLink()` (the default), `wxLink(wx)`, or your own
 * @property {(frame: Frame, turn?: Turn) => void} [onframe] every frame of the conversation, also of other tabs' turns
 * @property {(state: State, detail: {error?: StewardError, retry_ms?: number}) => void} [onstate]
 * @property {number} [heartbeat_ms] after so long a silence a `ping` is sent; unanswered for as long, it is taken for lost
 */

const ATTEMPTS = 5; // of a question that is refused with `retryable`
const SLOWEST_MS = 30000;

/** What was refused, in a sentence for people. `code` is one of the protocol's, or `closed`. */
export class StewardError extends Error {
  /** @param {{content: string, code: string, retryable?: boolean, retry_after_ms?: number, field?: string}} frame */
  constructor({content, code, retryable = false, retry_after_ms, field}) {
    super(content);
    Object.assign(this, {name: 'StewardError', code, retryable, retry_after_ms, field});
  }
}

/** @type {(WebSocketClass?: any) => OpenLink} the browser's own WebSocket, or one that behaves like it */
export const browserLink = (WebSocketClass = globalThis.WebSocket) => (url, on) => {
  const socket = new WebSocketClass(url);
  socket.onopen = () => on.open();
  socket.onmessage = (/** @type {MessageEvent} */ event) => on.message(event.data);
  socket.onclose = (/** @type {CloseEvent} */ event) => on.close(event.code, event.reason);
  socket.onerror = () => {}; // `close` follows and tells more
  return {send: text => socket.send(text), close: code => socket.close(code)};
};

/** @type {(wx?: any) => OpenLink} WeChat's; the domain must be among the mini program's socket domains */
export const wxLink = (wx = /** @type {any} */ (globalThis).wx) => (url, on) => {
  /** @param {{errMsg: string}} failure */
  const failed = failure => on.close(1006, failure.errMsg);
  const task = wx.connectSocket({url, fail: failed});
  task.onOpen(() => on.open());
  task.onMessage((/** @type {{data: any}} */ message) => on.message(message.data));
  task.onClose((/** @type {{code?: number, reason?: string}} */ closed) => on.close(closed.code ?? 1006, closed.reason));
  task.onError(failed);
  return {send: text => task.send({data: text}), close: code => task.close({code})};
};

/**
 * One question or approval: `for await (const frame of turn)` gives its frames, the terminal one last. It throws a
 * `StewardError` if it was refused. After a lost connection frames go on where they stopped; a `snapshot`, or `thinking`
 * once more, means: begin this bubble again.
 */
export class Turn {
  /** @param {Frame} request @param {Steward} client */
  constructor(request, client) {
    this.request = request;
    /** @type {string | undefined} known once the turn has begun */
    this.id = undefined;
    this.ended = this.stopped = false;
    this.seq = 0;
    this.sent = false;
    this.attempts = 0;
    this._client = client;
    /** @type {Frame[]} */ this._frames = [];
    /** @type {StewardError | undefined} */ this._error = undefined;
    this._wake = () => {};
  }

  /** Stop it, now or once it has begun. Its last frame is then `completed` with the outcome `cancelled`. */
  cancel() {
    this.stopped = true;
    if (this.id && !this.ended) this._client._send({type: 'cancel', turn_id: this.id});
  }

  /** @returns {Promise<string>} the whole bubble */
  async text() {
    let text = '';
    for await (const frame of this) {
      if (frame.type === 'snapshot' || frame.status === 'thinking') text = frame.content ?? '';
      else if (frame.type === 'chunk') text += frame.content;
      else if (frame.type === 'error') throw new StewardError(/** @type {any} */ (frame));
    }
    return text;
  }

  async *[Symbol.asyncIterator]() {
    while (true) {
      while (this._frames.length) yield /** @type {Frame} */ (this._frames.shift());
      if (this._error) throw this._error;
      if (this.ended) return;
      await new Promise(resolve => { this._wake = () => resolve(undefined); });
    }
  }

  /** @param {Frame} frame */
  _push(frame) {
    this.seq = frame.seq ?? this.seq;
    this.ended = frame.type === 'snapshot' ? Boolean(frame.outcome) : frame.type === 'error' || frame.status === 'completed';
    this._frames.push(frame);
    this._wake();
  }

  /** @param {StewardError} error */
  _fail(error) {
    this.ended = true;
    this._error = error;
    this._wake();
  }
}

/** A connection that comes back by itself, and the conversation on it. */
export class Steward {
  /** @param {string} url `wss://HOST/ws/chat/USER` @param {Options} [options] */
  constructor(url, options = {}) {
    this.url = url;
    /** @type {Options & {link: OpenLink, heartbeat_ms: number}} */
    this._options = {link: browserLink(), heartbeat_ms: 25000, ...options};
    this._token = options.token;
    /** @type {State} */ this.state = 'closed';
    /** @type {Place} keep it to go on later, in another page */ this.place = {...options.place};
    /** @type {any} the server's limits, once it has greeted */ this.limits = undefined;
    /** @type {Turn[]} */ this._turns = [];
    /** @type {Frame[]} */ this._owed = [];
    this._tries = this._target = 0;
    this._connect();
  }

  /** @param {string} query @param {{attachments?: string[]}} [more] ids of uploads @returns {Turn} */
  ask(query, more = {}) {
    const random = Math.random().toString(36).slice(2) + Math.random().toString(36).slice(2);
    return this._begin({type: 'query', query, ...more, client_msg_id: Date.now().toString(36) + random});
  }

  /** The resident's yes or no to one parked write. @param {string} approval_id @param {boolean} approved @returns {Turn} */
  approve(approval_id, approved) {
    return this._begin({type: 'approve', approval_id, approved});
  }

  /** Stop a turn that need not be one of ours. @param {string} turn_id */
  cancel(turn_id) {
    this._send({type: 'cancel', turn_id});
  }

  /** @param {string} turn_id @param {1 | -1} score @param {string} [comment] */
  rate(turn_id, score, comment) {
    this._send({type: 'feedback', turn_id, score, ...(comment ? {comment} : {})});
  }

  /** Somebody else, or nobody (`''`): a new conversation on a new connection. @param {string} token */
  login(token) {
    this._token = token;
    this.place = {};
    this._drop({content: 'another login', code: 'closed'});
    this._connect();
  }

  /** Try again now, if the connection is lost: the network is back, or the page is looked at again. */
  wake() {
    if (this.state === 'waiting') this._connect();
    else if (this._greeted) this._write({type: 'ping'});
  }

  /** For good. Turns go on at the server. */
  close() {
    this._drop({content: 'closed', code: 'closed'});
  }

  _connect() {
    clearTimeout(this._timer);
    this._greeted = this._snapshot_due = false;
    let pinged = 0;
    this._heard = Date.now();
    this._become('connecting');
    let live = true;
    /** Events of a socket that was left behind say nothing. @type {(act: (...values: any[]) => void) => any} */
    const mine = act => (/** @type {any[]} */ ...values) => { if (live) act(...values); };
    const lost = (code = 1006) => {
      live = false;
      this._lost(code);
    };
    this._leave = (code = 1000) => {
      live = false;
      clearInterval(this._beat);
      try { link.close(code); } catch { /* it never opened */ }
    };
    this._beat = setInterval(mine(() => {
      const now = Date.now(), {heartbeat_ms} = this._options;
      if (pinged > this._heard) {
        if (now - pinged >= heartbeat_ms) { this._leave(); lost(); }
      } else if (now - this._heard >= heartbeat_ms) {
        pinged = now;
        if (this._greeted) this._write({type: 'ping'}); // where not even `hello` was answered, the silence is enough
      }
    }), this._options.heartbeat_ms / 2);
    /** @type {Link} */
    const link = this._options.link(this.url, {
      open: mine(() => this._hello()), message: mine(text => this._receive(text)), close: mine(lost),
    });
    this._link = link;
  }

  _hello() {
    this._write({type: 'hello', v: 1, token: this._token, locale: this._options.locale, ...this.place});
  }

  /** @param {number} code */
  _lost(code) {
    clearInterval(this._beat);
    this._greeted = false;
    for (const turn of this._turns) turn.sent = false;
    if (code === 1000 || code >= 4500) return this._drop(this._refusal ?? {content: `closed (${code})`, code: 'closed'});
    const retry_ms = Math.min(SLOWEST_MS, 500 * 2 ** this._tries++) * (0.5 + Math.random() / 2);
    this._timer = setTimeout(() => this._connect(), retry_ms);
    this._become('waiting', {retry_ms});
  }

  /** @param {any} reason why nothing more will come, as an error frame */
  _drop(reason) {
    clearTimeout(this._timer);
    this._leave?.();
    this._greeted = false;
    this._refusal = undefined;
    this._owed = [];
    const error = new StewardError(reason);
    for (const turn of this._turns.splice(0)) turn._fail(error);
    if (this.state !== 'closed') this._become('closed', {error});
  }

  /** @param {State} state */
  _become(state, detail = {}) {
    this.state = state;
    this._options.onstate?.(state, detail);
  }

  /** @param {Frame} request */
  _begin(request) {
    const turn = new Turn(request, this);
    if (this.state === 'closed') turn._fail(new StewardError({content: 'closed', code: 'closed'}));
    else this._turns.push(turn);
    this._pump();
    return turn;
  }

  /** Send the oldest question that has not become a turn, once all that was missed is here: one at a time. */
  _pump() {
    const next = this._turns.find(turn => !turn.id);
    if (!next || next.sent || !this._greeted || this._snapshot_due || (this.place.after ?? 0) < this._target) return;
    next.sent = true;
    this._write(next.request);
  }

  /** Now, or with the next connection. @param {any} frame */
  _send(frame) {
    if (this._greeted) this._write(frame);
    else this._owed.push(frame);
  }

  /** @param {any} frame */
  _write(frame) {
    this._link?.send(JSON.stringify(frame));
  }

  /** @param {any} text */
  _receive(text) {
    this._heard = Date.now();
    const frame = JSON.parse(text);
    let turn = this._turns.find(one => one.id && one.id === frame.turn_id);
    if (frame.type === 'ready') this._ready(frame);
    else if (frame.type === 'snapshot') turn = this._snapshot(frame);
    else if (frame.type === 'error' && !frame.turn_id) return this._refused(frame);
    else if (frame.seq !== undefined) {
      if (frame.status === 'thinking') turn = this._started(frame) ?? turn;
      if (frame.seq <= (turn ? turn.seq : this.place.after ?? 0)) return; // seen before
      this.place.after = Math.max(frame.seq, this.place.after ?? 0);
      turn?._push(frame);
    }
    if (turn?.ended) this._turns = this._turns.filter(one => one !== turn);
    this._options.onframe?.(frame, turn);
    this._pump();
  }

  /** @param {Frame} frame */
  _ready(frame) {
    const {conversation_id, epoch, seq, recovered, limits} = frame;
    this.place = {conversation_id, epoch, after: recovered ? this.place.after ?? 0 : undefined};
    this._target = recovered ? seq ?? 0 : 0;
    Object.assign(this, {limits, _greeted: true, _snapshot_due: !recovered, _tries: 0});
    for (const owed of this._owed.splice(0)) this._write(owed);
    this._become('open');
  }

  /** After `ready`: all that is left of what was missed. Later: what the question that was just repeated had become. */
  _snapshot(/** @type {Frame} */ frame) {
    const after_ready = this._snapshot_due;
    this._snapshot_due = false;
    const known = this._turns.find(one => one.id && one.id === frame.turn_id);
    const turn = known ?? (after_ready ? undefined : this._turns.find(one => !one.id && one.sent));
    if (turn) turn.id = frame.turn_id;
    if (after_ready) {
      this.place.after = frame.seq;
      // the log has lost their frames: asked again under their own name they are the same turns
      for (const other of this._turns) if (other.id !== frame.turn_id) Object.assign(other, {id: undefined, sent: false, seq: 0});
    }
    turn?._push(frame);
    return turn;
  }

  /** @param {Frame} frame the first one of a turn. @returns {Turn | undefined} the question or approval that it is of */
  _started({turn_id, data}) {
    const turn = this._turns.find(({id, request}) => !id &&
      (data.client_msg_id ? request.client_msg_id === data.client_msg_id : data.approval_id && request.approval_id === data.approval_id));
    if (turn) turn.id = turn_id;
    if (turn?.stopped) turn.cancel();
    return turn;
  }

  /** An error outside any turn refuses one frame of ours. @param {any} frame */
  _refused(frame) {
    const wait_ms = Math.max(frame.retry_after_ms ?? 0, 500);
    if (!this._greeted) {
      this._refusal = frame; // where a close code follows, this is its reason
      if (frame.code === 'not_found' && this.place.conversation_id) {
        this.place = {};
        this._hello();
      } else if (frame.retryable) this._timer = setTimeout(() => this.state === 'connecting' && this._hello(), wait_ms);
      else this._drop(frame);
      return;
    }
    const turn = frame.field === 'turn_id' ? undefined : this._turns.find(one => !one.id && one.sent);
    if (turn && frame.retryable && ++turn.attempts < ATTEMPTS) {
      setTimeout(() => { if (!turn.id) { turn.sent = false; this._pump(); } }, wait_ms);
      return;
    }
    if (turn) this._end(turn, frame);
    this._options.onframe?.(frame, turn);
    this._pump();
  }

  /** @param {Turn} turn @param {any} frame */
  _end(turn, frame) {
    this._turns = this._turns.filter(one => one !== turn);
    turn._fail(new StewardError(frame));
  }
}

/** @param {string} url @param {Options} [options] @returns {Steward} */
export const connect = (url, options) => new Steward(url, options);
