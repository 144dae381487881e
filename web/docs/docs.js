// Shows the documents that the gateway names: its own API, and each upstream's as it understands it. Only its own can be
// tried out: a call to an upstream would go round the gateway, and the page may reach no other host.

const documents = await (await fetch('documents.json')).json()
const own = documents[0].url

const readOnlyUpstreams = () => ({
  statePlugins: {
    spec: {
      wrapSelectors: {
        allowTryItOutFor: (original, system) => (state, ...rest) =>
          String(system.specSelectors.url()).endsWith(own) && original(state, ...rest),
      },
    },
  },
})

window.ui = window.SwaggerUIBundle({
  urls: documents,
  dom_id: '#documents',
  layout: 'StandaloneLayout',
  presets: [window.SwaggerUIBundle.presets.apis, window.SwaggerUIStandalonePreset],
  plugins: [readOnlyUpstreams],
  validatorUrl: null,
  oauth2RedirectUrl: null,
  deepLinking: true,
  docExpansion: 'list',
  showExtensions: true,
  queryConfigEnabled: false,
  persistAuthorization: false,
  syntaxHighlight: { activated: true, theme: 'agate' },
})
