import { asNanolinError } from '../error/index.ts';
import { openNanolin } from '../index.ts';
import { gather } from './layers.ts';
import { lacking } from './outside.ts';
import { chapter, expect, failures, number, showProgress, tell } from './page.ts';
import { places } from './places.ts';
import { Reader } from './reader.ts';
import { story } from './story.ts';

/** The story and the reader beside it, in a mount namespace of their own. Returns the exit code. */
export async function inside(): Promise<number> {
  const where = places();
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => abort.abort());
  const nanolin = await openNanolin({ root: where.root, signal: abort.signal, progress: showProgress });
  try {
    const { ok, kernel } = await nanolin.doctor();
    if (!ok) return await lacking(where.root);
    tell(`Linux ${kernel}; the /usr of a mount namespace of its own, this machine's is not touched`);

    // What an earlier run left in the state has gone with its namespace.
    if ((await nanolin.status()).targets.length > 0) await nanolin.rollback(0);
    chapter('Debian packages become layers', `below ${where.root}`);
    const gathered = await gather(nanolin, where);
    using reader = await Reader.begin();
    await story(nanolin, gathered);
    const { files, lookups, failed, errors } = await reader.end();
    chapter('meanwhile');
    expect(
      failed === 0,
      `${number(lookups)} look-ups of ${files} files by another process, ${number(failed)} failed`,
    );
    for (const error of errors) tell(`  ${error}`);
    return failures() === 0 ? 0 : 1;
  } catch (thrown) {
    const error = asNanolinError(thrown);
    tell(`${error.code === 'bug' ? (error.stack ?? error.message) : error.message}`);
    if (error.hint) tell(error.hint);
    return error.exit;
  } finally {
    await nanolin.close();
  }
}
