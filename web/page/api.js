// The few things that go over HTTP: what the page is told, and photos. Addresses are relative to the page's own.

export const base = new URL('.', location.href);

/** The conversation's socket. @param {string} user_id */
export function socketAddress(user_id) {
  const address = new URL(`ws/chat/${encodeURIComponent(user_id)}`, base);
  address.protocol = base.protocol === 'https:' ? 'wss:' : 'ws:';
  return address.href;
}

/** `{name, locale, suggestions, demo}`, see schemas/page.py; with little in it where the server has none. */
export async function pageSettings() {
  const answer = await fetch(new URL('web/page.json', base)).catch(() => undefined);
  return answer?.ok ? answer.json() : {name: {zh: '物业管家', en: 'Steward'}, locale: 'zh', suggestions: {}};
}

/** There is no such endpoint: photos are not offered. */
export class NoUploads extends Error {}

/**
 * One photo, as the protocol's `POST /api/uploads` wants it.
 * @param {Blob} photo @param {string} token @returns {Promise<string>} its id
 */
export async function upload(photo, token) {
  const form = new FormData();
  form.append('file', photo, photo.name ?? 'photo.jpg');
  const headers = token ? {Authorization: `Bearer ${token}`} : {};
  const answer = await fetch(new URL('api/uploads', base), {method: 'POST', body: form, headers});
  if (answer.status === 404 || answer.status === 405) throw new NoUploads();
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.content ?? '');
  return told.upload_id ?? told.id;
}

/**
 * A photo within the server's limits: a phone's are often larger than they need to be.
 * @param {File} photo @param {{max_bytes: number, types: string[]}} limits @returns {Promise<Blob>}
 */
export async function fitting(photo, {max_bytes, types}) {
  if (photo.size <= max_bytes && types.includes(photo.type)) return photo;
  const image = await createImageBitmap(photo);
  for (const longest of [2048, 1280, 800]) {
    const scale = Math.min(1, longest / Math.max(image.width, image.height));
    const canvas = document.createElement('canvas');
    canvas.width = Math.round(image.width * scale);
    canvas.height = Math.round(image.height * scale);
    canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
    const smaller = await new Promise(resolve => canvas.toBlob(resolve, 'image/jpeg', 0.85));
    if (smaller && smaller.size <= max_bytes) return smaller;
  }
  return photo; // the server says what is wrong with it
}
