// A bubble's Markdown as elements: marked writes them, DOMPurify lets through what may stand here. Nothing else does.
import {Marked} from '../vendor/marked/marked.esm.js';
import '../vendor/dompurify/purify.min.js';

const purify = globalThis.DOMPurify;
const TAGS = ['p', 'br', 'strong', 'em', 'del', 'code', 'pre', 'ul', 'ol', 'li', 'blockquote', 'hr', 'a',
  'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'table', 'thead', 'tbody', 'tr', 'th', 'td'];

const escaped = text => text.replace(/[&<>"']/g, sign => `&#${sign.charCodeAt(0)};`);
const marked = new Marked({
  gfm: true,
  breaks: true,
  // HTML in an answer is text that somebody wrote, and is shown as such
  renderer: {html: ({text}) => escaped(text), image: ({text}) => escaped(text)},
});

purify.addHook('afterSanitizeAttributes', node => {
  if (node.tagName === 'A') {
    node.setAttribute('target', '_blank');
    node.setAttribute('rel', 'noopener noreferrer');
  }
});

/** @param {string} text @returns {DocumentFragment} */
export function elements(text) {
  return purify.sanitize(marked.parse(text), {
    ALLOWED_TAGS: TAGS, ALLOWED_ATTR: ['href', 'align', 'start'], ALLOWED_URI_REGEXP: /^https?:\/\//i, RETURN_DOM_FRAGMENT: true,
  });
}

const ITEM = /^\s*([•·*-]|\d+[.)、])\s+|^\s*\|/;
const FEW = 4;

/**
 * The text without its lists and tables, where they are long: what they say stands beside it as data. `growing`: they
 * may become long yet, and what is not shown need not be taken away again.
 */
export function brief(text, growing) {
  const lines = text.split('\n');
  const others = lines.filter(line => !ITEM.test(line));
  return growing || lines.length - others.length >= FEW ? others.join('\n') : text;
}
