/**
 * NANOLIN_FAULT=point[:kill|:ERRNO], the test switch behind the crash tests: at that step boundary the process is killed
 * (default) or that error is thrown. Points contain colons, so only the last part can say what happens.
 */
export function faultAt(fault: string | undefined): ((point: string) => void) | undefined {
  if (!fault) return undefined;
  const [, wanted, effect] = /^(.*?)(?::(kill|E[A-Z0-9]+))?$/.exec(fault) ?? [];
  return point => {
    if (point !== wanted) return;
    if (effect === undefined || effect === 'kill') process.kill(process.pid, 'SIGKILL');
    throw Object.assign(new Error(`${effect}: fault injected at ${point}`), { code: effect });
  };
}
