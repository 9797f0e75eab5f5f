/** The status of an HTTP answer that is all there, else null: as much of HTTP as the answers of this harness have. */
export function statusOfWhole(answer: Buffer): string | null {
  const headEnd = answer.indexOf("\r\n\r\n");
  if (headEnd < 0) return null;
  const head = answer.toString("latin1", 0, headEnd);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  const complete =
    length === undefined
      ? answer.subarray(-5).equals(Buffer.from("0\r\n\r\n"))
      : answer.length >= headEnd + 4 + Number(length);
  return complete ? head.slice(9, 12) : null;
}

/** A POST of JSON as bytes. */
export function rawPost(port: number, path: string, body: string): Buffer {
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
