/** HTML from templates: every value is escaped unless it is HTML already. */

const brand = Symbol('html');

export interface Html {
  readonly [brand]: true;
  readonly text: string;
}

type Value = Html | string | number | null | undefined | false | readonly Value[];

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => escapes[character] ?? character);

function render(value: Value): string {
  if (value === null || value === undefined || value === false) return '';
  if (typeof value === 'string') return escaped(value);
  if (typeof value === 'number') return String(value);
  return 'text' in value ? value.text : value.map(render).join('');
}

/** Attribute values must stand in double quotes. */
export const html = (strings: TemplateStringsArray, ...values: readonly Value[]): Html => ({
  [brand]: true,
  text: strings.map((part, i) => part + (i < values.length ? render(values[i]) : '')).join(''),
});
