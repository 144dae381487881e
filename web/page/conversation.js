// The conversation: a welcome with questions to begin with, then the messages, the newest in view unless one reads above.
import {computed, defineComponent, h, nextTick, onMounted, ref, watch} from '../vendor/vue/vue.runtime.esm-browser.prod.js';
import {icon} from './icons.js';
import {openLogin} from './login.js';
import {Answer, question} from './messages.js';
import {ask, login, state} from './session.js';
import {language, say} from './words.js';

const NEAR = 120;

/** The suggestions of the page's language. */
export const suggested = computed(() => state.suggestions[language.locale] ?? []);

function welcome() {
  return h('div', {class: 'welcome'}, [
    h('span', {class: 'mark'}, icon('home')),
    h('h2', say('greeting', state.name[language.locale])),
    h('p', say('introduction').map(sentence => h('span', sentence))),
    !state.loggedIn && h('div', {class: 'invitation'}, [
      h('p', say('loginHint')),
      h('div', [
        state.demo && h('button', {type: 'button', class: 'primary', onClick: () => login(state.demo.user_id, state.demo.token)}, say('demo')),
        h('button', {type: 'button', class: state.demo ? 'quiet' : 'primary', onClick: openLogin}, say('login')),
      ]),
    ]),
    state.loggedIn && suggested.value.length > 0 && h('div', {class: 'ideas'}, suggested.value.map(({title, questions}) => h('section', [
      h('h3', title),
      ...questions.slice(0, 3).map(words => h('button', {type: 'button', onClick: () => ask(words)}, words)),
    ]))),
  ]);
}

export const Conversation = defineComponent({
  setup() {
    const list = ref();
    const inner = ref();
    const below = ref(false);
    const away = () => list.value.scrollHeight - list.value.scrollTop - list.value.clientHeight;
    const toEnd = () => { list.value.scrollTop = list.value.scrollHeight; };
    let follows = false;
    const onScroll = () => {
      follows = state.messages.length > 0 && away() < NEAR;
      below.value = away() >= NEAR && state.messages.length > 0;
    };
    onMounted(() => {
      // whatever grows, typed text or a table that opens
      new ResizeObserver(() => { if (follows) toEnd(); }).observe(inner.value);
    });
    watch(() => state.messages.length, async () => {
      await nextTick();
      if (state.messages.at(-1)?.kind === 'assistant' && state.messages.at(-1).running) {
        follows = true;
        toEnd();
      }
    });
    return () => h('div', {class: 'conversation'}, [
      h('div', {ref: list, class: 'scroller', tabindex: 0, role: 'log', 'aria-live': 'off', 'aria-label': say('conversation'), onScrollPassive: onScroll},
        h('div', {ref: inner, class: 'inner'}, [
          state.messages.length === 0 && welcome(),
          ...state.messages.map((message, place) => (message.kind === 'user'
            ? question(message)
            : h(Answer, {key: place, answer: message, last: place === state.messages.length - 1}))),
        ])),
      below.value && h('button', {type: 'button', class: 'to-end', 'aria-label': say('bottom'), title: say('bottom'), onClick: () => { follows = true; toEnd(); }}, icon('down')),
      h('div', {class: 'hidden', role: 'status', 'aria-live': 'polite'}, state.announcement),
    ]);
  },
});
