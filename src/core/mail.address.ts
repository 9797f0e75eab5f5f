/**
 * Is this one mail address, and nothing that a header or an SMTP command could take for more? Of what RFC 5321 allows
 * only what people have: no quoted local part, no comment.
 */
export function isMailAddress(text: string): boolean {
  return (
    text.length <= 254 && /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(text)
  );
}
