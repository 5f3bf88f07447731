/**
 * Looks at and listens to the page's one video, whoever plays it. `film` is what the next script makes of its player:
 *
 *     rungs() → heights · pick(height, codec) · sounds() → languages · hear(language) · texts() → languages · show(language or null)
 */
(() => {
  const video = document.querySelector('video');
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const faults = [];
  let frames = 0;
  let frameAtS = 0;
  video.requestVideoFrameCallback(function shown(_now, { mediaTime }) {
    frames += 1;
    frameAtS = mediaTime;
    video.requestVideoFrameCallback(shown);
  });
  video.addEventListener('error', () => faults.push(`video: ${video.error.message}`));

  const audio = new AudioContext();
  const analyser = new AnalyserNode(audio, { fftSize: 4096, smoothingTimeConstant: 0 });
  audio.createMediaElementSource(video).connect(analyser).connect(audio.destination);
  const strengths = new Float32Array(analyser.frequencyBinCount);

  window.faults = faults;
  window.watcher = {
    state() {
      canvas.drawImage(video, 0, 0, 32, 18);
      analyser.getFloatFrequencyData(strengths);
      const loudest = strengths.indexOf(Math.max(...strengths));
      const shown = [...video.textTracks].filter(({ mode }) => mode === 'showing');
      return {
        ...{ atS: video.currentTime, durationS: video.duration, ended: video.ended, seeking: video.seeking },
        ...{ height: video.videoHeight, frames, frameAtS, faults },
        decoded: video.getVideoPlaybackQuality().totalVideoFrames,
        // Of the field in the upper left corner.
        level: canvas.getImageData(4, 3, 1, 1).data[0],
        toneHz: (loudest * audio.sampleRate) / analyser.fftSize,
        captions: shown.flatMap(({ activeCues }) => [...(activeCues ?? [])].map(({ text }) => text)),
      };
    },
    seek(atS) {
      video.currentTime = atS;
    },
    play: () => video.play(),
    restart() {
      video.currentTime = 0;
      video.play();
    },
  };
})();
