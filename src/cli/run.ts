import { asNanolinError } from '../error/index.ts';
import type { Nanolin } from '../index.ts';
import type { Answer, Bench, Request } from './command.ts';
import { commands } from './commands.ts';
import { complete, namesFrom } from './completion.ts';
import { openOptions, withEnvironment } from './globals.ts';
import { INTERNAL, runInternal } from './internal.ts';
import { type Look, render, styled } from './paper.ts';
import { parseQuickly } from './parse.ts';
import { type ProgressLine, progressLine } from './progress.ts';
import { version } from './version.ts';
import type { Sink, World } from './world.ts';

/** Runs one command line and returns its exit code. Whatever is thrown inside is reported; it does not throw. */
export async function run(argv: readonly string[], world: World): Promise<number> {
  let json = argv.includes('--json') || Boolean(world.env.NANOLIN_JSON && world.env.NANOLIN_JSON !== '0');
  try {
    if (argv[0] === '--complete') return await answerCompletion(argv.slice(1), world);
    if (argv[0]?.startsWith(INTERNAL)) return await runInternal(argv, world);
    if (argv[0] === '--version') return say(world.stdout, `nanolin ${version}\n`);
    const parsed = await parse(argv, world);
    if ('help' in parsed) return say(world.stdout, `${parsed.help}\n`);
    const request = withEnvironment(parsed.request, world.env);
    json = Boolean(request.flags.json);
    return report(await answer(request, world), request, world);
  } catch (thrown) {
    return complain(thrown, json, world);
  }
}

async function parse(
  argv: readonly string[],
  world: World,
): Promise<{ request: Request } | { help: string }> {
  const request = parseQuickly(argv, commands);
  if (request) return { request };
  const { parseFully } = await import('./tree.ts');
  return parseFully(argv, commands, Math.min(world.stdout.columns, 110));
}

/** Runs the command; what it opened is closed before anything is printed. */
async function answer(request: Request, world: World): Promise<Answer> {
  const progress = showsProgress(request, world) ? progressLine(world.stderr) : undefined;
  let opened: Promise<Nanolin> | undefined;
  const bench: Bench = {
    input: world.input,
    open: () => {
      opened ??= open(request, world, progress);
      return opened;
    },
    async agreed(question) {
      return Boolean(request.flags.yes || request.flags.json) || ((await bench.asked(question)) ?? true);
    },
    async asked(question) {
      const lines = `${question} [y/N]`.split('\n').map(line => [line]);
      const said = await world.ask(render(lines, look(world.stderr, world)));
      return said === undefined ? undefined : /^y(es)?$/i.test(said.trim());
    },
    hidden: question => world.askHidden(render([[question]], { terminal: true, colour: false }).trimEnd()),
  };
  try {
    return await request.command.run(request, bench);
  } finally {
    progress?.clear();
    await (await opened?.catch(() => undefined))?.close();
  }
}

const showsProgress = ({ flags }: Request, { stderr }: World): boolean =>
  stderr.terminal && !flags.quiet && !flags.verbose;

async function open(request: Request, world: World, progress: ProgressLine | undefined): Promise<Nanolin> {
  const log = request.flags.verbose ? (await import('./log.ts')).logTo(world.stderr) : undefined;
  return world.open({
    ...openOptions(request, world.env),
    signal: world.signal,
    ...(log && { log }),
    ...(progress && { progress: progress.report }),
  });
}

function report(answer: Answer, { flags }: Request, { stdout, env }: World): number {
  if (flags.json) say(stdout, `${JSON.stringify(answer.json)}\n`);
  else if (!(answer.summary && flags.quiet && !answer.exit))
    say(stdout, render(answer.text, look(stdout, { env })));
  return answer.exit ?? 0;
}

function complain(thrown: unknown, json: boolean, world: World): number {
  const error = asNanolinError(thrown);
  if (json) say(world.stdout, `${JSON.stringify(error)}\n`);
  const there = look(world.stderr, world);
  if (!json) {
    const hint = error.hint === undefined ? [] : [[styled('dim', '  hint: '), error.hint]];
    say(world.stderr, render([[styled('bad', 'nanolin: '), error.message], ...hint], there));
  }
  if (error.code === 'bug')
    say(
      world.stderr,
      render(
        stackOf(error).map(line => [line]),
        there,
      ),
    );
  return error.exit;
}

/** Of the error that was thrown, not of the one it was wrapped in. */
function stackOf(error: Error): string[] {
  const origin = error.cause instanceof Error ? error.cause : error;
  return (origin.stack ?? String(origin)).split('\n');
}

const look = (sink: Sink, { env }: Pick<World, 'env'>): Look => ({
  terminal: sink.terminal,
  colour: sink.terminal && !env.NO_COLOR && env.TERM !== 'dumb',
});

function say(sink: Sink, text: string): number {
  sink.write(text);
  return 0;
}

async function answerCompletion(words: readonly string[], world: World): Promise<number> {
  const { fixed, names } = complete(words, commands);
  const root = words[words.indexOf('--root') + 1];
  const nanolin =
    names && names !== 'file'
      ? await world.open({ ...(words.includes('--root') && root && { root }) })
      : undefined;
  try {
    const known = nanolin && names ? await namesFrom(nanolin, names) : [];
    return say(world.stdout, [...fixed, ...known].map(name => `${name}\n`).join(''));
  } finally {
    await nanolin?.close();
  }
}
