/** The single values of a document with where they stand in it, for comparing two documents number by number. */

export type Leaf = number | string | null;

/** What names an element of a list, where anything does. */
const identities = ['applianceId', 'seriesClass', 'outcome', 'level'] as const;

export function leavesOf(value: unknown, path = ''): Map<string, Leaf> {
  const leaves = new Map<string, Leaf>();
  const walk = (at: string, one: unknown): void => {
    if (one === null || typeof one === 'number' || typeof one === 'string') leaves.set(at, one);
    else if (Array.isArray(one))
      for (const [index, element] of one.entries()) walk(join(at, nameOf(element, index)), element);
    else if (typeof one === 'object') {
      for (const [name, element] of Object.entries(one)) if (!isIdentity(name)) walk(join(at, name), element);
    }
  };
  walk(path, value);
  return leaves;
}

const join = (at: string, name: string): string => (at === '' ? name : `${at}.${name}`);
const isIdentity = (name: string): boolean => identities.some((identity) => identity === name);

function nameOf(element: unknown, index: number): string {
  if (typeof element !== 'object' || element === null) return String(index);
  const named = identities.map((name) => (name in element ? element[name as keyof typeof element] : undefined));
  return String(named.find((name) => name !== undefined) ?? index);
}
