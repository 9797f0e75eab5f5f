import { headerValue, type RawHeaders } from "../core/headers.ts";

/** A longer wish is read as this one: nobody waits so long, and a sum with it stays a sane time. */
const MAX_RETRY_AFTER_MS = 7 * 24 * 3600 * 1000;

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const TIME = "(\\d{2}):(\\d{2}):(\\d{2})";
const IMF = new RegExp(`^[A-Z][a-z]{2}, (\\d{2}) ([A-Z][a-z]{2}) (\\d{4}) ${TIME} GMT$`);
const RFC850 = new RegExp(`^[A-Z][a-z]{5,8}, (\\d{2})-([A-Z][a-z]{2})-(\\d{2}) ${TIME} GMT$`);
const ASCTIME = new RegExp(`^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \\d]\\d) ${TIME} (\\d{4})$`);

/**
 * Reads Retry-After (RFC 9110 section 10.2.3): milliseconds from `wallMs` (Unix milliseconds), 0 for a time in the
 * past, null where the field is missing or means nothing.
 */
export function retryAfterMs(headers: RawHeaders, wallMs: number): number | null {
  const value = headerValue(headers, "retry-after")?.trim();
  if (value === undefined) return null;
  if (/^\d+$/.test(value)) return Math.min(Number(value) * 1000, MAX_RETRY_AFTER_MS);
  const at = httpDate(value, wallMs);
  return at === null ? null : Math.min(Math.max(at - wallMs, 0), MAX_RETRY_AFTER_MS);
}

/** The three forms of RFC 9110 section 5.6.7 as Unix milliseconds; null for anything else, such as the 31st of June. */
function httpDate(text: string, wallMs: number): number | null {
  const imf = IMF.exec(text);
  if (imf) return unixMs(imf[3], imf[2], imf[1], imf.slice(4));
  const old = RFC850.exec(text);
  if (old) return unixMs(nearYear(Number(old[3]), wallMs), old[2], old[1], old.slice(4));
  const asc = ASCTIME.exec(text);
  return asc ? unixMs(asc[6], asc[1], asc[2], asc.slice(3, 6)) : null;
}

function unixMs(
  year: string | number | undefined,
  monthName: string | undefined,
  dayText: string | undefined,
  [hour, minute, second]: readonly string[],
): number | null {
  const month = MONTHS.indexOf(monthName ?? "");
  const day = Number(dayText);
  const [h, m, s] = [Number(hour), Number(minute), Number(second)];
  // 60 is a leap second; `Date.UTC` reads it as the first of the next minute.
  if (month < 0 || h > 23 || m > 59 || s > 60) return null;
  const at = Date.UTC(Number(year), month, day, h, m, s);
  return new Date(Date.UTC(Number(year), month, day)).getUTCDate() === day ? at : null;
}

// Two digits that look more than 50 years ahead are the most recent past year with them (RFC 9110 section 5.6.7).
function nearYear(twoDigits: number, wallMs: number): number {
  const current = new Date(wallMs).getUTCFullYear();
  const year = current - (current % 100) + twoDigits;
  return year > current + 50 ? year - 100 : year;
}
