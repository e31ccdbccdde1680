// Sums of amounts, exact: decimals as text, never floats.

const decimals = (text) => text.split(".")[1] ?? "";

export function sum(texts) {
  const scale = Math.max(0, ...texts.map((text) => decimals(text).length));
  const whole = (text) => BigInt(text.split(".")[0] + decimals(text).padEnd(scale, "0"));
  const total = `${texts.reduce((found, text) => found + whole(text), 0n)}`;
  const digits = total.replace("-", "").padStart(scale + 1, "0");
  const point = digits.length - scale;
  const text = scale ? `${digits.slice(0, point)}.${digits.slice(point)}`.replace(/\.?0+$/, "") : digits;
  return total.startsWith("-") ? `-${text}` : text;
}

export const difference = (after, before) => sum([after, before.startsWith("-") ? before.slice(1) : `-${before}`]);
