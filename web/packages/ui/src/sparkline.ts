/**
 * The points of a sparkline. The scale begins somewhat below the least value: the figure beside it says how
 * much, the line how it moves.
 */
function points(values: readonly number[], capacity: number, width: number, height: number): string[] {
  const least = Math.max(0, Math.min(...values)) * 0.7;
  const span = Math.max(Math.max(...values) * 1.05 - least, 1e-9);
  const step = width / Math.max(1, capacity - 1);
  const start = width - step * (values.length - 1);
  return values.map((value, index) => {
    const x = start + index * step;
    const y = height - (Math.max(0, value - least) / span) * (height - 2);
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
