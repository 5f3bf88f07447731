/* global Hls, faults */
window.open = async (url, clearKey) => {
  // As docs/packaging.md tells it.
  class PlaylistLoader extends Hls.DefaultConfig.loader {
    load(context, config, { onSuccess, ...callbacks }) {
      const withoutIdentity = (response, ...rest) => {
        response.data = response.data.replace(/^.*KEYFORMAT="identity".*$/gm, '');
        onSuccess(response, ...rest);
      };
      super.load(context, config, { ...callbacks, onSuccess: withoutIdentity });
    }
  }
  const drmSystems = { 'org.w3.clearkey': { licenseUrl: clearKey } };
  const hls = new Hls(clearKey ? { emeEnabled: true, drmSystems, pLoader: PlaylistLoader } : {});
  // What it was loading when it was told to switch, and a pause until the sound of another language is there, are no faults.
  const usual = [Hls.ErrorDetails.INTERNAL_ABORTED, Hls.ErrorDetails.BUFFER_STALLED_ERROR];
  hls.on(Hls.Events.ERROR, (_event, { fatal, details, error }) => {
    if (fatal || !usual.includes(details)) faults.push(`hls.js: ${details} ${error?.message ?? ''}`);
  });
  const ready = new Promise((resolve) => hls.once(Hls.Events.MANIFEST_PARSED, resolve));
  hls.loadSource(url);
  hls.attachMedia(document.querySelector('video'));
  await ready;
  const languages = (tracks) => tracks.map(({ lang }) => lang);
  window.film = {
    rungs: () => hls.levels.map(({ height }) => height),
    pick(height, codec) {
      hls.currentLevel = hls.levels.findIndex((level) => level.height === height && level.videoCodec.startsWith(codec));
    },
    sounds: () => languages(hls.audioTracks),
    hear(language) {
      hls.audioTrack = languages(hls.audioTracks).indexOf(language);
    },
    texts: () => languages(hls.subtitleTracks),
    show(language) {
      hls.subtitleTrack = languages(hls.subtitleTracks).indexOf(language);
    },
  };
};
