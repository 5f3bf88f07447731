/* global dashjs, faults */
window.open = async (url, clearKey) => {
  const player = dashjs.MediaPlayer().create();
  player.on('error', ({ error }) => faults.push(`dash.js: ${error?.message ?? error}`));
  const ready = new Promise((resolve) => player.on('streamInitialized', resolve));
  player.updateSettings({ streaming: { trackSwitchMode: { video: 'alwaysReplace' } } });
  if (clearKey) player.setProtectionData({ 'org.w3.clearkey': { serverURL: clearKey } });
  player.initialize(document.querySelector('video'), url, false);
  await ready;
  const languages = (type) => player.getTracksFor(type).map(({ lang }) => lang);
  window.film = {
    rungs: () => player.getRepresentationsByType('video').map(({ height }) => height),
    pick(height, codec) {
      player.updateSettings({ streaming: { abr: { autoSwitchBitrate: { video: false } } } });
      const track = player.getTracksFor('video').find(({ codec: mime }) => mime.includes(codec));
      if (track !== player.getCurrentTrackFor('video')) player.setCurrentTrack(track);
      const wanted = player.getRepresentationsByType('video').find((one) => one.height === height);
      player.setRepresentationForTypeById('video', wanted.id, true);
    },
    sounds: () => languages('audio'),
    hear: (language) => player.setCurrentTrack(player.getTracksFor('audio').find(({ lang }) => lang === language)),
    texts: () => languages('text'),
    show: (language) => player.setTextTrack(languages('text').indexOf(language)),
  };
};
