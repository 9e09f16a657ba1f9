import { z } from 'zod';

/**
 * Something a chart or spec does that may go wrong behind the gap. `error`: an install will fail. `warning`: it may, or another image may
 * run than the one that was tested. `info`: worth knowing.
 */
export const Finding = z.strictObject({
  severity: z.literal(['error', 'warning', 'info']),
  code: z.string().describe('Upper-case words, such as `TAG_MUTABLE`; docs/findings.md lists them.'),
  message: z.string().describe('One sentence that names the value found. Never a value that may be secret.'),
  where: z.string().optional().describe('Values path, `Kind/name path` or `template:line`.'),
  fix: z.string().optional().describe('What to do, with the line to add where there is one.'),
});
export type Finding = z.infer<typeof Finding>;
