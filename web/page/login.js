// The login: who asks, for estates whose own app does not put the token into localStorage, and for the demo.
import {defineComponent, h, ref, watch} from '../vendor/vue/vue.runtime.esm-browser.prod.js';
import {icon} from './icons.js';
import {login, state} from './session.js';
import {say} from './words.js';

const shown = ref(false);

export function openLogin() {
  shown.value = true;
}

export const Login = defineComponent({
  setup() {
    const dialog = ref();
    const user_id = ref(''), token = ref('');
    watch(shown, show => {
      if (!show) return dialog.value.close();
      user_id.value = state.user_id;
      token.value = '';
      dialog.value.showModal();
    });
    watch(() => state.refusal, refusal => { if (refusal) shown.value = true; });
    const done = (user, given) => {
      shown.value = false;
      login(user, given);
    };
    const field = (name, label, model, more) => h('label', [h('span', label), h('input', {
      name, required: true, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', value: model.value,
      onInput: ({target}) => { model.value = target.value; }, ...more,
    })]);
    return () => h('dialog', {ref: dialog, class: 'login', 'aria-labelledby': 'login-title', onClose: () => { shown.value = false; }}, [
      h('form', {onSubmit: event => { event.preventDefault(); done(user_id.value.trim(), token.value.trim()); }}, [
        h('header', [h('h2', {id: 'login-title'}, say(state.loggedIn && !state.refusal ? 'account' : 'login')),
          h('button', {type: 'button', class: 'round', 'aria-label': say('close'), onClick: () => { shown.value = false; }}, icon('cross'))]),
        state.refusal && h('p', {class: 'failure', role: 'alert'}, state.refusal.content),
        h('p', {class: 'note'}, state.loggedIn && !state.refusal ? say('loggedIn', state.user_id) : say('loginWhy')),
        field('user_id', say('user'), user_id),
        field('token', say('token'), token, {type: 'password'}),
        h('div', {class: 'decide'}, [
          h('button', {type: 'submit', class: 'primary'}, say('login')),
          state.loggedIn && h('button', {type: 'button', class: 'quiet', onClick: () => done('', '')}, say('logout')),
          state.demo && h('button', {type: 'button', class: 'quiet', onClick: () => done(state.demo.user_id, state.demo.token)}, say('demo')),
        ]),
      ]),
    ]);
  },
});
