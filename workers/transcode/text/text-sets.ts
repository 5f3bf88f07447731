/** Text in a DASH manifest that is there already: one file each (ISO/IEC 23009-1 §5.3.7), which every player takes. */
import type { Rendition } from '../../../shared/domain/manifest.ts';

const rolesOf = ({ text }: Rendition): string[] => [
  text?.forced ? 'forced-subtitle' : text?.kind === 'captions' ? 'caption' : 'subtitle',
  ...(text?.isDefault ? ['main'] : []),
];

/** The rest of the manifest stays as it is; adaptation sets of text that were there are replaced. */
export function withTextSets(mpd: string, renditions: readonly Rendition[]): string {
  const without = mpd.replace(/[ \t]*<AdaptationSet\b[^>]*\bcontentType="text"[\s\S]*?<\/AdaptationSet>\n?/g, '');
  const first = without.match(/<AdaptationSet\b/g)?.length ?? 0;
  const sets = renditions.map((rendition, index) => adaptationSet(rendition, first + index)).join('');
  return without.replace(/[ \t]*<\/Period>/, (end) => `${sets}${end}`);
}

function adaptationSet(rendition: Rendition, id: number): string {
  const { language, name, text, bandwidthBps } = rendition;
  const lines = [
    `<AdaptationSet id="${id}" contentType="text" mimeType="text/vtt" lang="${xml(language ?? 'und')}">`,
    // For those who do not hear (ETSI TS 103 285 §7.1.2).
    ...(text?.kind === 'captions'
      ? ['  <Accessibility schemeIdUri="urn:tva:metadata:cs:AudioPurposeCS:2007" value="2"/>']
      : []),
    ...rolesOf(rendition).map((role) => `  <Role schemeIdUri="urn:mpeg:dash:role:2011" value="${role}"/>`),
    `  <Label>${xml(name ?? '')}</Label>`,
    `  <Representation id="${rendition.id}" bandwidth="${bandwidthBps}">`,
    `    <BaseURL>${text?.file ?? ''}</BaseURL>`,
    '  </Representation>',
    '</AdaptationSet>',
  ];
  return lines.map((line) => `      ${line}\n`).join('');
}

const xml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
