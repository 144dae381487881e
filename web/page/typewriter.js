// Text that appears as if it were typed: what has come is caught up with, the faster the more of it there is.
import {onBeforeUnmount, ref, watch} from '../vendor/vue/vue.runtime.esm-browser.prod.js';

const calm = matchMedia('(prefers-reduced-motion: reduce)');
const FRAMES = 14; // in which the present backlog would be shown

/**
 * @param {() => string} text all that has come @param {() => boolean} instant show it at once
 * @returns {import('vue').Ref<string>} what is shown of it
 */
export function typed(text, instant) {
  const shown = ref(instant() ? text() : '');
  let scheduled = 0;
  const step = () => {
    scheduled = 0;
    const whole = text();
    if (!whole.startsWith(shown.value)) shown.value = '';
    if (instant() || calm.matches || document.hidden) shown.value = whole;
    const left = whole.length - shown.value.length;
    if (!left) return;
    let end = shown.value.length + Math.max(1, Math.ceil(left / FRAMES));
    if (/[\uD800-\uDBFF]/.test(whole[end - 1])) end += 1; // never half a character
    shown.value = whole.slice(0, end);
    scheduled = requestAnimationFrame(step);
  };
  watch(text, () => { if (!scheduled) step(); });
  // a page that nobody looks at draws no frames; what was due then is shown at once
  const onVisible = () => { if (document.hidden) step(); };
  document.addEventListener('visibilitychange', onVisible);
  onBeforeUnmount(() => {
    cancelAnimationFrame(scheduled);
    document.removeEventListener('visibilitychange', onVisible);
  });
  return shown;
}
