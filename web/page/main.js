// The residents' chat page: puts its parts together. The state and what changes it are in `session.js`.
import {createApp, defineComponent, h, watchEffect} from '../vendor/vue/vue.runtime.esm-browser.prod.js';
import {Composer} from './composer.js';
import {Conversation, suggested} from './conversation.js';
import {icon} from './icons.js';
import {Login, openLogin} from './login.js';
import {ask, changeLanguage, fresh, reconnect, start, state} from './session.js';
import {language, say} from './words.js';

const THEME = 'steward.theme';

function changeTheme() {
  const root = document.documentElement;
  const now = root.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
  root.dataset.theme = now === 'dark' ? 'light' : 'dark';
  localStorage.setItem(THEME, root.dataset.theme);
}

const round = (name, label, act, more) => h('button', {type: 'button', class: 'round', 'aria-label': label, title: label, onClick: act, ...more}, icon(name));

const brand = tag => h('div', {class: 'brand'}, [h('span', {class: 'mark'}, icon('home')), h(tag, state.name[language.locale])]);

function connection() {
  return h('div', {class: ['connection', state.connection], role: 'status'}, [
    h('span', {class: 'dot'}), h('span', {class: 'words'}, say(state.connection)),
    (state.connection === 'waiting' || state.connection === 'closed') && h('button', {type: 'button', class: 'chip', onClick: reconnect}, say('reconnect')),
  ]);
}

function side() {
  return h('aside', {'aria-label': say('menu')}, [
    brand('p'),
    h('nav', {'aria-label': say('menu')}, state.loggedIn ? suggested.value.map(({title, questions}) => h('section', [
      h('h2', title),
      ...questions.map(words => h('button', {type: 'button', onClick: () => ask(words)}, words)),
    ])) : []),
    h('button', {type: 'button', class: 'who', onClick: openLogin}, [icon('user'), h('span', state.loggedIn ? state.user_id || say('account') : say('login'))]),
  ]);
}

const Page = defineComponent({
  setup: () => () => [
    h('a', {class: 'skip', href: '#question'}, say('skip')),
    side(),
    h('main', [
      h('header', {class: 'bar'}, [
        brand('h1'), connection(),
        h('div', {class: 'tools'}, [
          state.messages.length > 0 && round('fresh', say('fresh'), fresh),
          h('button', {type: 'button', class: 'round', title: say('other'), lang: say('otherLang'), onClick: changeLanguage}, [
            h('span', {'aria-hidden': 'true'}, say('sign')), h('span', {class: 'hidden'}, say('other'))]),
          round('theme', say('theme'), changeTheme),
          round('user', say(state.loggedIn ? 'account' : 'login'), openLogin, {class: 'round account'}),
        ]),
      ]),
      h(Conversation),
      h(Composer),
    ]),
    h(Login),
  ],
});

const theme = localStorage.getItem(THEME);
if (theme) document.documentElement.dataset.theme = theme;
await start();
watchEffect(() => { document.title = state.name[language.locale]; });
createApp(Page).mount('#app');
