/** What is put into the bytes of callers and apps, and how an app spells what it says. */

export const SMUGGLED = "GET /sync/smuggled HTTP/1.1\r\nHost: fuzz.example\r\nX-Fuzz-Id: smuggled\r\n\r\n";
const STRAY = "HTTP/1.1 200 OK\r\nX-Answer: stray\r\nContent-Length: 5\r\n\r\nstray";
const BYTES = [
  "",
  "",
  "\r",
  "\n",
  "\r\n",
  "\0",
  " ",
  "\t",
  ",",
  ":",
  ";",
  "0",
  "1",
  "f",
  "\x7f",
  "\xff",
  "_",
  "\r\n\r\n",
];
export const REQUEST_WORDS = [
  ...BYTES,
  "chunked",
  "Host: b\r\n",
  "Content-Length: 3\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Expect: 100-continue\r\n",
  "Connection: close\r\n",
  "Connection: Upgrade\r\nUpgrade: websocket\r\n",
  "0\r\n\r\n",
  SMUGGLED,
];
export const ANSWER_WORDS = [
  ...BYTES,
  "Content-Length: 3\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Connection: close\r\n",
  "HTTP/1.1 103 Early Hints\r\n\r\n",
  "HTTP/1.1 101 Switching Protocols\r\n\r\n",
  "0\r\n\r\n",
  STRAY,
];

/** Mostly what is right, since what follows is judged, too. */
export const VERSIONS = [...Array<string>(20).fill("1.1"), "1.0", "0.9", "2.0"];
export const CODINGS = [
  ...Array<string>(12).fill("chunked"),
  "Chunked ",
  "\t chunked",
  "chunked\t",
  "chunked \t ",
  "chunked\xa0",
  "chunked\r\nConnection: close",
  "chunked\t\r\nConnection: close",
];
