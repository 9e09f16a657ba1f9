/** Top-level names under `.invalid` exist nowhere (RFC 2606), so a sentinel cannot be mistaken for anything a chart means. */
const domain = '.probe.invalid';
const pattern = /p(\d{3,})\.probe\.invalid/;

/** The host that stands for candidate `index` of a probe. */
export function sentinelHost(index: number): string {
  return `p${String(index).padStart(3, '0')}.probe.invalid`;
}

/** Whether a candidate's sentinel stands anywhere in `text`. */
export function hasSentinel(text: string): boolean {
  return text.includes(domain) && pattern.test(text);
}

/** The candidate whose sentinel `text` begins with. */
export function leadingSentinel(text: string): number | undefined {
  const match = pattern.exec(text);
  return match?.index === 0 ? Number(match[1]) : undefined;
}

/** All candidates whose sentinels are in `text`. */
export function sentinelsIn(text: string): number[] {
  return [...text.matchAll(new RegExp(pattern, 'g'))].map((match) => Number(match[1]));
}

/** `text` as it was before sentinels were put in front of its parts. */
export function withoutSentinels(text: string): string {
  return text.includes(domain) ? text.replace(new RegExp(`${pattern.source}/?`, 'g'), '') : text;
}
