// The state of the page, and what a resident does to it: log in, ask, answer, stop, rate. `steward-client.js` connects.
import {markRaw, reactive} from '../vendor/vue/vue.runtime.esm-browser.prod.js';
import {connect} from '../steward-client.js';
import {NoUploads, fitting, pageSettings, socketAddress, upload} from './api.js';
import {addApprovals, emptyAnswer, receive, settleApprovals} from './frames.js';
import {language, preferred, say, speak} from './words.js';

const KEPT = 'steward.conversation';
const NOBODY = 'guest';

export const state = reactive({
  name: {zh: '', en: ''},
  suggestions: {},
  demo: null,
  user_id: '',
  loggedIn: false,
  connection: 'connecting',
  refusal: null,
  messages: [],
  limits: null,
  uploads: true,
  announcement: '',
});

let client;
let token = '';
let caughtUp = 0; // entries up to here were missed or are told again
let waiting = []; // the writes that waited for a yes when the connection was greeted
let questions = {};

export async function start() {
  const told = await pageSettings();
  Object.assign(state, {name: told.name, suggestions: told.suggestions, demo: told.demo ?? null});
  speak(preferred(told.locale));
  // where a host application puts them
  token = localStorage.getItem('token') ?? '';
  state.user_id = localStorage.getItem('user_id') ?? '';
  open(kept());
  addEventListener('online', () => client.wake());
  document.addEventListener('visibilitychange', () => { if (!document.hidden) client.wake(); });
  addEventListener('storage', ({key, newValue}) => {
    if (key === 'token' && (newValue ?? '') !== token) login(localStorage.getItem('user_id') ?? '', newValue ?? '');
  });
}

/** The conversation of an earlier load of this tab. Its entries are told again from the first one. */
function kept() {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEPT) ?? 'null');
    if (found?.user_id !== state.user_id || !token) return undefined;
    questions = found.questions;
    return {...found.place, after: 0};
  } catch {
    return undefined;
  }
}

function keep() {
  const {conversation_id, epoch} = client.place;
  if (!state.loggedIn || !conversation_id) return;
  sessionStorage.setItem(KEPT, JSON.stringify({user_id: state.user_id, place: {conversation_id, epoch}, questions}));
}

function open(place) {
  client?.close();
  caughtUp = 0;
  state.loggedIn = Boolean(token);
  state.refusal = null;
  client = connect(socketAddress(state.user_id || NOBODY), {token, locale: language.locale, place, onframe, onstate});
}

function onstate(connection, {error}) {
  state.connection = connection;
  if (connection === 'closed' && error && error.code !== 'closed') state.refusal = {content: error.message, code: error.code};
}

function onframe(frame) {
  if (frame.type === 'ready') {
    caughtUp = frame.seq;
    waiting = frame.approvals;
    state.limits = frame.limits;
    if (client.place.after === caughtUp) settleApprovals(state.messages, waiting);
    keep();
  } else if (frame.turn_id) {
    receive(state.messages, frame, questions, frame.seq <= caughtUp);
    // what was told before may have been decided since
    if (frame.seq === caughtUp) settleApprovals(state.messages, waiting);
    if (frame.status === 'completed' || frame.type === 'error') announce(frame);
  }
  if (frame.type === 'snapshot') {
    settleApprovals(state.messages, frame.approvals);
    addApprovals(state.messages, frame.approvals);
  }
}

/** For screen readers: an answer once it is whole, and not letter by letter. */
function announce({turn_id, type, content}) {
  const answer = state.messages.findLast(one => one.turn_id === turn_id);
  state.announcement = type === 'error' ? content : answer?.content ?? '';
}

/** @param {string} user_id @param {string} given */
export function login(user_id, given) {
  token = given;
  state.user_id = user_id;
  localStorage.setItem('user_id', user_id);
  if (given) localStorage.setItem('token', given);
  else localStorage.removeItem('token');
  fresh();
}

/** A conversation from its beginning. */
export function fresh() {
  sessionStorage.removeItem(KEPT);
  questions = {};
  state.messages = [];
  open();
}

/** @param {string} text @param {{id: string, url: string}[]} photos */
export function ask(text, photos = []) {
  state.messages.push({kind: 'user', text, photos: photos.map(({url}) => url)});
  if (state.connection === 'closed') open(client.place);
  const turn = client.ask(text, photos.length ? {attachments: photos.map(({id}) => id)} : {});
  questions[turn.request.client_msg_id] = text;
  keep();
  follow(turn, emptyAnswer({question: text, photos, client_msg_id: turn.request.client_msg_id}));
}

/** The answer to an approval's card. */
export function answer(approval, approved) {
  Object.assign(approval, {state: approved ? 'approved' : 'declined', note: ''});
  state.messages.push({kind: 'user', text: say(approved ? 'confirm' : 'cancel'), photos: []});
  follow(client.approve(approval.approval_id, approved), emptyAnswer({answers: approval.approval_id}));
}

/** Its place on the page until its first frame comes; `onframe` does the rest. */
async function follow(turn, place) {
  state.messages.push(place);
  const answer = state.messages.at(-1);
  answer.turn = markRaw(turn);
  try {
    for await (const _ of turn); // frames are shown by `onframe`, also those of other tabs
  } catch (error) {
    Object.assign(answer, {running: false, error: {content: error.code === 'closed' ? say('interrupted') : error.message, code: error.code}});
    state.announcement = answer.error.content;
  }
}

/** The same question once more. */
export function retry({question, photos}) {
  ask(question, photos);
}

export function stop() {
  const running = state.messages.findLast(one => one.running);
  if (running?.turn) running.turn.cancel();
  else if (running) client.cancel(running.turn_id);
}

export function rate(answer, score) {
  answer.score = score;
  client.rate(answer.turn_id, score);
}

export function reconnect() {
  if (state.connection === 'closed') open(client.place);
  else client.wake();
}

/** @param {File} file @returns {Promise<{id: string, url: string} | undefined>} undefined where there are no uploads */
export async function addPhoto(file) {
  try {
    const photo = await fitting(file, state.limits.attachments);
    return {id: await upload(photo, token), url: URL.createObjectURL(photo)};
  } catch (error) {
    if (!(error instanceof NoUploads)) throw error;
    state.uploads = false;
    return undefined;
  }
}

/** How many photos one question may have; 0 where there is no room for any. */
export const photosAllowed = () => (state.uploads && state.loggedIn ? state.limits?.attachments.max ?? 0 : 0);

export function changeLanguage() {
  speak(language.locale === 'zh' ? 'en' : 'zh');
  localStorage.setItem('steward.locale', language.locale);
}
