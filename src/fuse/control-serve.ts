import type { Server, Socket } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { asNanolinError, NanolinError } from '../error/index.ts';
import { AT_FDCWD, native, O_DIRECTORY, O_PATH } from '../kernel/index.ts';
import {
  type ControlReply,
  type ControlRequest,
  HELD_MAX,
  LINE_MAX,
  type LowerRequest,
  type OpenRequest,
  type PrepareRequest,
  parseRequest,
} from './control.ts';
import { listenAt, onLines } from './control-socket.ts';
import { mountDetached } from './detached.ts';
import type { Prepared } from './lowers.ts';
import { unmountSource } from './mounted.ts';
import { type Served, serveUnion } from './serve.ts';

interface Lower {
  readonly fd: number;
  readonly key: string | null;
}

interface Waiting {
  readonly generation: number;
  readonly lowers: readonly Lower[];
  readonly prepared: Prepared;
}

/** How long the process waits for somebody who tells it what to serve. */
const PATIENCE = 5_000;

/**
 * Serves one union as a controller says through the socket, and ends when its mount is gone, or without one when the controller is.
 * `ready` is called when somebody may connect.
 */
export async function serveStack(
  socket: string,
  ready: () => void,
  log: (error: unknown) => void,
): Promise<void> {
  const stack = new ServedStack(dirname(socket), log);
  const server: Server = await listenAt(socket, line => stack.attend(line));
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => stack.end());
  ready();
  setTimeout(PATIENCE, undefined, { ref: false }).then(() => stack.leaveIfAlone());
  await stack.ended;
  await new Promise(done => {
    server.close(done);
    stack.hangUp();
  });
}

class ServedStack {
  readonly ended: Promise<void>;
  #end = () => {};
  readonly #directory: string;
  readonly #log: (error: unknown) => void;
  readonly #lines = new Set<Socket>();
  readonly #prepared = new Map<Socket, Waiting>();
  /** Our own descriptors of what is shown: a layer that the next stack has as well is found by its key. */
  #lowers: readonly Lower[] = [];
  #request: OpenRequest | null = null;
  #served: Served | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(directory: string, log: (error: unknown) => void) {
    this.#directory = directory;
    this.#log = log;
    this.ended = new Promise(done => {
      this.#end = done;
    });
  }

  attend(line: Socket): void {
    this.#lines.add(line);
    line.on('error', () => {});
    line.on('close', () => {
      this.#lines.delete(line);
      this.#drop(line);
      this.leaveIfAlone();
    });
    // One request after the other, whoever asks: a settle answers for all that came before it.
    onLines(line, LINE_MAX, text => {
      this.#turn = this.#turn.then(async () => {
        const reply = await this.#answer(line, text).catch(thrown => asNanolinError(thrown).toJSON());
        if (!line.destroyed) line.write(`${JSON.stringify(reply)}\n`);
      });
    });
  }

  leaveIfAlone(): void {
    this.#turn = this.#turn.then(() => {
      if (this.#lines.size === 0 && !this.#served) this.#end();
    });
  }

  /** Takes the mount off; it ends with the last file that is open in it. */
  end(): void {
    if (this.#request && this.#served) unmountSource(this.#request.source);
    else this.#end();
  }

  hangUp(): void {
    for (const line of this.#lines) line.destroy();
  }

  async #answer(line: Socket, text: string): Promise<ControlReply> {
    const request = parseRequest(text);
    // Who has gone does not want it any more: it may have been killed between its last request and this one's turn.
    if (line.destroyed) throw new NanolinError('cancelled', 'the controller is gone');
    const more = await this.#carryOut(line, request);
    return { generation: this.#served?.generation ?? null, ...more };
  }

  async #carryOut(line: Socket, request: ControlRequest): Promise<Partial<ControlReply>> {
    switch (request.do) {
      case 'open':
        if (this.#request) throw new NanolinError('refused', 'a union is served already');
        this.#lowers = this.#openLowers(request.lowers);
        this.#request = request;
        return request.base ? { base: this.#openLower(request.base).fd } : {};
      case 'mount':
        return this.#mount(line, request.target);
      case 'prepare':
        this.#drop(line);
        return this.#prepare(line, request);
      case 'commit':
        return this.#commit(line, request.generation);
      case 'settle':
        for (const each of [...this.#prepared.keys()]) this.#drop(each);
        return {};
      case 'shown':
        return {};
      case 'held': {
        const held = this.#served?.held().slice(0, HELD_MAX) ?? [];
        return { held: held.map(({ inode, generation }) => ({ inode: String(inode), generation })) };
      }
    }
  }

  async #mount(line: Socket, target: string | null): Promise<Partial<ControlReply>> {
    const request = this.#request;
    if (!request || this.#served) throw new NanolinError('refused', 'there is nothing to mount');
    const { source, upper, nosuid, userxattr, generation } = request;
    const readOnly = upper === null;
    const mount = target === null ? mountDetached(source, { readOnly, nosuid }) : null;
    // Once it is in its place, or nobody is left to put it there, the tree of mounts alone decides how long it lives.
    if (mount !== null) line.on('close', () => native.close(mount));
    this.#served = await serveUnion(
      {
        lowers: [],
        upper,
        readOnly,
        userxattr,
        volatile: false,
        oci: false,
        mount: nosuid ? ['nosuid', 'nodev'] : [],
      },
      // Of a mount that is made already fuse-native wants to see some directory.
      target ?? this.#directory,
      source,
      this.#log,
      { lowers: this.#lowers.map(forUnion), generation },
    );
    this.#served.ended.then(this.#end);
    return mount === null ? {} : { mount };
  }

  async #prepare(line: Socket, { generation, lowers }: PrepareRequest): Promise<Partial<ControlReply>> {
    if (!this.#served) throw new NanolinError('refused', 'nothing is mounted yet');
    const opened = this.#openLowers(lowers);
    try {
      const prepared = await this.#served.prepare(opened.map(forUnion), generation);
      this.#prepared.set(line, { generation, lowers: opened, prepared });
    } catch (error) {
      closeAll(opened);
      throw error;
    }
    if (line.destroyed) this.#drop(line);
    return {};
  }

  async #commit(line: Socket, generation: number): Promise<Partial<ControlReply>> {
    const waiting = this.#prepared.get(line);
    if (waiting?.generation !== generation)
      throw new NanolinError('refused', `generation ${generation} is not prepared`);
    this.#prepared.delete(line);
    await waiting.prepared.commit();
    closeAll(this.#lowers);
    this.#lowers = waiting.lowers;
    return {};
  }

  #openLowers(requests: readonly LowerRequest[]): Lower[] {
    const opened: Lower[] = [];
    try {
      for (const request of requests) opened.push(this.#openLower(request));
      return opened;
    } catch (error) {
      closeAll(opened);
      throw error;
    }
  }

  #openLower({ pid, fd, key }: LowerRequest): Lower {
    const known = key === null ? undefined : this.#lowers.find(lower => lower.key === key);
    return { key, fd: known ? openAgain(known.fd) : openDirectory(`/proc/${pid}/fd/${fd}`) };
  }

  #drop(line: Socket): void {
    const waiting = this.#prepared.get(line);
    waiting?.prepared.abort();
    closeAll(waiting?.lowers ?? []);
    this.#prepared.delete(line);
  }
}

function closeAll(lowers: readonly Lower[]): void {
  for (const { fd } of lowers) native.close(fd);
}

/** A descriptor of the union's own; an image's key is its digest. */
const forUnion = ({ fd, key }: Lower) => ({ fd: openAgain(fd), ...(key !== null && { key }) });

const openAgain = (fd: number): number => openDirectory(`/proc/self/fd/${fd}`);

const openDirectory = (path: string): number => native.openat2(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, 0);
