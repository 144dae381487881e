// A CommonJS loader for the browser, just large enough for the vendored packages: `require(name)` and `run(code, name)`.
'use strict'

const PACKAGES = {
  'react': 'react/cjs/react.production.js',
  'react/jsx-runtime': 'react/cjs/react-jsx-runtime.production.js',
  'react-dom': 'react-dom/cjs/react-dom.production.js',
  'react-dom/client': 'react-dom/cjs/react-dom-client.production.js',
  'steward-client': '../web/steward-client.js',
  'scheduler': 'scheduler/cjs/scheduler.production.js',
  'sucrase': 'sucrase/dist/index.js',
  'ts-interface-checker': 'ts-interface-checker/dist/index.js',
  'lines-and-columns': 'lines-and-columns/build/index.js',
  '@jridgewell/gen-mapping': 'gen-mapping/dist/gen-mapping.umd.js',
  '@jridgewell/trace-mapping': 'trace-mapping/dist/trace-mapping.umd.js',
  '@jridgewell/sourcemap-codec': 'sourcemap-codec/dist/sourcemap-codec.umd.js',
  '@jridgewell/resolve-uri': 'resolve-uri/dist/resolve-uri.umd.js',
}
const modules = new Map()

/** An ES module as a CommonJS one. */
const converted = code => (/^export /m.test(code) ? require('sucrase').transform(code, { transforms: ['imports'] }).code : code)

function run(code, url) {
  const module = { exports: {} }
  modules.set(url, module)
  const body = new Function('require', 'module', 'exports', `${code}\n//# sourceURL=${url}`)
  body(name => require(name, url), module, module.exports)
  return module.exports
}

function require(name, from = location.href) {
  const url = name.startsWith('.') ? new URL(name, from).href : new URL('/vendor/' + PACKAGES[name], location.href).href
  const found = [url, url + '.js', url + '/index.js'].find(one => one.endsWith('.js') && fetched(one) !== null)
  if (!found) throw new Error(`no vendored file for ${name}, required by ${from}`)
  return modules.has(found) ? modules.get(found).exports : run(converted(fetched(found)), found)
}

const texts = new Map()

/** The text at `url`, or null. Synchronous, because `require` is. */
function fetched(url) {
  if (!texts.has(url)) {
    const request = new XMLHttpRequest()
    request.open('GET', url, false)
    request.send()
    texts.set(url, request.status === 200 ? request.responseText : null)
  }
  return texts.get(url)
}
