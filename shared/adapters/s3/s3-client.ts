import { S3Client } from '@aws-sdk/client-s3';

export interface S3Options {
  /** `http(s)://host[:port]`; absent for AWS itself. */
  readonly endpoint?: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Bucket in the path instead of the host name, which every store but AWS understands. True unless said otherwise. */
  readonly forcePathStyle?: boolean;
  /** Put before every key, so that a bucket can be shared: ends in `/`, at most 24 bytes (S3 allows keys of 1,024). */
  readonly prefix?: string;
  /** Silence of a connection, or a wait for an answer, after which a request counts as lost. 60 s by default. */
  readonly idleTimeoutMs?: number;
}

/** Reads hold a socket each as long as their reader is slow, so there are more than the SDK's 50. */
const maxSockets = 200;
const connectTimeoutMs = 5_000;
const attempts = 4;

export function makeS3Client(options: S3Options): S3Client {
  const idleTimeoutMs = options.idleTimeoutMs ?? 60_000;
  return new S3Client({
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    region: options.region,
    credentials: { accessKeyId: options.accessKeyId, secretAccessKey: options.secretAccessKey },
    forcePathStyle: options.forcePathStyle ?? true,
    // Other stores reject or corrupt the SDK's trailing checksums; bodies are checked by our own SHA-256.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // The SDK would open a connection of its own for each part.
    expectContinueHeader: false,
    maxAttempts: attempts,
    retryMode: 'standard',
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      requestTimeout: 2 * idleTimeoutMs,
      throwOnRequestTimeout: true,
      socketTimeout: idleTimeoutMs,
      httpAgent: { keepAlive: true, maxSockets },
      httpsAgent: { keepAlive: true, maxSockets },
    },
  });
}
