/* global shaka, faults */
window.open = async (url, clearKey) => {
  const player = new shaka.Player();
  player.addEventListener('error', ({ detail }) => faults.push(`Shaka Player: ${detail.message}`));
  if (clearKey) player.configure({ drm: { servers: { 'org.w3.clearkey': clearKey } } });
  await player.attach(document.querySelector('video'));
  await player.load(url);
  const languages = (tracks) => [...new Set(tracks.map(({ language }) => language))];
  window.film = {
    rungs: () => [...new Set(player.getVariantTracks().map(({ height }) => height))],
    pick(height, codec) {
      player.configure({ abr: { enabled: false } });
      const { language } = player.getVariantTracks().find(({ active }) => active);
      const wanted = player
        .getVariantTracks()
        .find((track) => track.height === height && track.language === language && track.videoCodec.startsWith(codec));
      player.selectVariantTrack(wanted, true);
    },
    sounds: () => languages(player.getAudioTracks()),
    hear: (wanted) => player.selectAudioTrack(player.getAudioTracks().find(({ language }) => language === wanted)),
    texts: () => languages(player.getTextTracks()),
    show: (wanted) =>
      player.selectTextTrack(player.getTextTracks().find(({ language }) => language === wanted) ?? null),
  };
};
