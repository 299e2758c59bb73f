/** The points of a sparkline. The scale begins at zero, so that a height is an amount. */
function points(values: readonly number[], capacity: number, width: number, height: number): string[] {
  const greatest = Math.max(...values, 1e-9) * 1.08;
  const step = width / Math.max(1, capacity - 1);
  const start = width - step * (values.length - 1);
  return values.map((value, index) => {
    const x = start + index * step;
    const y = height - (Math.max(0, value) / greatest) * (height - 2);
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
}

export function path(values: readonly number[], capacity: number, width: number, height: number): string {
  if (values.length < 2) return '';
  return `M${points(values, capacity, width, height).join('L')}`;
}

export function area(values: readonly number[], capacity: number, width: number, height: number): string {
  if (values.length < 2) return '';
  const line = points(values, capacity, width, height);
  const start = line[0]?.split(' ')[0] ?? '0';
  return `M${line.join('L')}L${width} ${height}L${start} ${height}Z`;
}
