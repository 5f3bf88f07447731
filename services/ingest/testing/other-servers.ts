import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Servers of others that ingest talks to: origins of imports, receivers of webhooks. */
export interface OtherServers {
  /** The port it listens on. */
  listen(host: string, answer: RequestListener, wantedPort?: number): Promise<number>;
  /** Ends all of them, with what they have open. */
  close(): void;
}

export function makeOtherServers(): OtherServers {
  const servers: Server[] = [];
  return {
    async listen(host, answer, wantedPort = 0) {
      const server = createServer(answer);
      servers.push(server);
      await new Promise<void>((resolve) => server.listen(wantedPort, host, resolve));
      return (server.address() as AddressInfo).port;
    },
    close() {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}
