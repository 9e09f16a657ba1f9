/** The sections of docs/registries.md that errors lead to. Their anchors stay as they are; a test compares. */
export type GuideSection =
  | 'login'
  | 'certificates'
  | 'client-certificates'
  | 'proxies'
  | 'mirrors'
  | 'repositories-and-projects'
  | 'limits'
  | 'upload-limits'
  | 'media-types'
  | 'behind-a-proxy';

/** `see docs/registries.md#login`, for the end of a hint. */
export function guideTo(section: GuideSection): string {
  return `see docs/registries.md#${section}`;
}
