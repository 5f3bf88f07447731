/**
 * The import rules of the house, executed by `npm run imports`. Each carries its reason, which is what a developer
 * sees when the rule is broken. docs/architecture.md shows the rooms they protect.
 */
const tests = '[.]test[.]ts$|^(services|workers|scripts)/[^/]+/testing/';

/** @param {string} name @param {string} comment @param {object} from @param {object} to */
const forbid = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

/** npm packages that are vendors' SDKs, with the one folder that may import each. */
const vendors = {
  'ioredis|bullmq': '^shared/adapters/(redis|bullmq)/',
  '@aws-sdk': '^shared/adapters/s3/',
  'hls-parser': '^shared/hls/',
  mp4box: '^shared/media/fragmented[.]ts$',
  jose: '^shared/tokens/',
  pino: '^shared/platform/',
  'prom-client': '^shared/platform/',
};

export default {
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.mjs', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
  forbidden: [
    forbid('no-cycles', 'A cycle means two files are one idea, or one of them knows too much.', {}, { circular: true }),
    forbid(
      'domain-is-pure',
      'domain holds values and rules that simulate replays offline: no I/O, no clock, no environment. Only itself and two pure libraries (simple-statistics, luxon).',
      { path: '^shared/domain/', pathNot: tests },
      { pathNot: '^shared/domain/|node_modules/(simple-statistics|luxon|@types/luxon)/' },
    ),
    forbid(
      'ports-import-domain-only',
      'A port is a contract in the words of the domain; a vendor type in it would leak to every room.',
      { path: '^shared/(ports|jobs)/', pathNot: tests },
      { pathNot: '^shared/(domain|ports|jobs)/|^(node:)?(stream|stream/web)$' },
    ),
    forbid(
      'hls-imports-domain-only',
      'Playlists are made from domain values; hls must stay usable by ingest, transcode and checks alike.',
      { path: '^shared/hls/', pathNot: tests },
      { pathNot: '^shared/(domain|hls)/|node_modules/' },
    ),
    forbid(
      'media-imports-domain-only',
      'Looking at a file and running ffmpeg is shared by ingest and transcode; it must know nothing of either.',
      { path: '^shared/media/', pathNot: tests },
      { path: '^(shared|services|workers|scripts)/', pathNot: '^shared/(domain|media)/' },
    ),
    forbid(
      'conformance-reads-streams-only',
      'Checking a stream is for the worker, the command line and whoever else: it knows no store and no service.',
      { path: '^shared/conformance/', pathNot: tests },
      { path: '^(shared|services|workers|scripts)/', pathNot: '^shared/(domain|hls|media|conformance)/' },
    ),
    forbid(
      'adapters-know-no-rooms',
      'An adapter implements a port with one vendor; it never reaches into services, workers or scripts.',
      { path: '^shared/' },
      { path: '^(services|workers|scripts)/' },
    ),
    forbid(
      'only-main-wires-adapters',
      'Adapters are chosen where a process is wired (main.ts) and by tests; everything else speaks to ports.',
      { path: '^(services|workers)/', pathNot: `/main[.]ts$|${tests}` },
      { path: '^shared/adapters/' },
    ),
    forbid(
      'services-are-apart',
      'Services talk over HTTP and through ports; importing each other would weld two processes together.',
      { path: '^services/([^/]+)/' },
      { path: '^services/', pathNot: '^services/$1/' },
    ),
    forbid(
      'workers-are-apart',
      'Workers meet in the job map only.',
      { path: '^workers/([^/]+)/' },
      { path: '^workers/', pathNot: '^workers/$1/' },
    ),
    forbid(
      'services-not-workers',
      'Services enqueue jobs; they never run them.',
      { path: '^services/' },
      { path: '^workers/' },
    ),
    forbid(
      'workers-not-services',
      'Workers use ports, never a service from the inside.',
      { path: '^workers/' },
      { path: '^services/' },
    ),
    forbid(
      'scripts-are-leaves',
      'Scripts are the outermost room.',
      { path: '^(services|workers|shared)/' },
      { path: '^scripts/' },
    ),
    forbid(
      'testing-only-in-tests',
      'Contract suites and fakes are not product code.',
      { path: '^(services|workers|scripts|shared/(?!testing))', pathNot: tests },
      { path: '^shared/testing/' },
    ),
    ...Object.entries(vendors).map(([name, home]) =>
      forbid(
        `one-home-for-${name.replace(/\W+/g, '-')}`,
        'One vendor, one room: replacing it must touch one folder.',
        { pathNot: `${home}|^shared/testing/|${tests}` },
        { path: `node_modules/(${name})/` },
      ),
    ),
    forbid('no-unresolved', 'The import does not resolve.', {}, { couldNotResolve: true }),
  ],
};
