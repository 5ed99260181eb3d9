import { connect, createServer, type Server, type Socket } from 'node:net';
import { basename, dirname } from 'node:path';
import { AT_FDCWD, Descriptor, native, O_DIRECTORY, O_PATH } from '../kernel/index.ts';

/**
 * A socket's address is at most 107 bytes (unix(7)), and a root directory may lie deep: the directory is opened, and the name goes on
 * from its descriptor.
 */
function addressIn(path: string): { directory: Descriptor; address: string } {
  const fd = native.openat2(AT_FDCWD, dirname(path), O_PATH | O_DIRECTORY, 0, 0);
  return { directory: new Descriptor(fd), address: `/proc/self/fd/${fd}/${basename(path)}` };
}

/** Resolves when connected; rejects with the errno. */
export async function connectTo(path: string): Promise<Socket> {
  const { directory, address } = addressIn(path);
  using _open = directory;
  return new Promise((done, fail) => {
    const socket = connect(address);
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.off('error', fail);
      done(socket);
    });
  });
}

/** For the caller's user alone. Closing the server removes the socket. */
export async function listenAt(path: string, onConnection: (socket: Socket) => void): Promise<Server> {
  const { directory, address } = addressIn(path);
  const server = createServer(onConnection);
  server.on('close', () => directory[Symbol.dispose]());
  const before = process.umask(0o177);
  try {
    await new Promise<void>((done, fail) => {
      server.once('error', fail);
      server.listen(address, done);
    });
  } finally {
    process.umask(before);
  }
  return server;
}

/** Calls with each line; a peer that sends more than `limit` bytes without an end of a line is cut off. */
export function onLines(socket: Socket, limit: number, take: (line: string) => void): void {
  let rest = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > limit) socket.destroy();
    for (const line of lines) take(line);
  });
}
