import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';

/** A redis server from the layers, to see that a running program outlives its stack. */
export class Server {
  readonly directory = mkdtempSync(join(tmpdir(), 'nanolin-start-'));
  readonly socket = join(this.directory, 'socket');
  readonly process: ReturnType<typeof serve>;

  private constructor() {
    this.process = serve(this.directory, this.socket);
  }

  static async begin(): Promise<Server> {
    const server = new Server();
    for (let turn = 0; turn < 100 && (await server.ask()) === null; turn += 1) await sleep(50);
    return server;
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  /** Its answer to PING, null when it has none. */
  ask(): Promise<string | null> {
    return new Promise(resolve => {
      const socket = connect(this.socket, () => socket.write('PING\r\n'));
      socket.setTimeout(2000, () => socket.destroy());
      socket.once('data', data => {
        resolve(data.toString().trim());
        socket.destroy();
      });
      socket.on('error', () => {});
      socket.once('close', () => resolve(null));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill('SIGKILL');
    await this.process;
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function serve(directory: string, socket: string) {
  const words = ['--port', '0', '--unixsocket', socket, '--save', '', '--dir', directory];
  return execa('/usr/bin/redis-server', words, { reject: false, stdio: 'ignore' });
}
