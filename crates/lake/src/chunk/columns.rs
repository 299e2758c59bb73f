//! Rows in memory: parted, joined, copied and counted. Who adds a kind of column finds all four here.

use std::sync::Arc;

use campaigns::{ArrayColumn, Column, ColumnData, Exception, RowGroup, TextColumn};
use model::Timestamp;
use signals::Mantissa;

/// Takes the rows from one on.
pub(super) fn split_off(rows: &mut RowGroup, at: usize) -> RowGroup {
    RowGroup {
        times: rows.times.split_off(at),
        columns: rows.columns.iter_mut().map(|column| split_column(column, at)).collect(),
    }
}

fn split_column(column: &mut Column, at: usize) -> Column {
    let row = u32::try_from(at).unwrap_or(u32::MAX);
    let first = column.exceptions.partition_point(|exception| exception.row < row);
    let exceptions = column
        .exceptions
        .split_off(first)
        .into_iter()
        .map(|exception| Exception { row: exception.row - row, ..exception })
        .collect();
    Column { signal: column.signal, data: split_data(&mut column.data, at), exceptions }
}

fn split_data(data: &mut ColumnData, at: usize) -> ColumnData {
    match data {
        ColumnData::Fixed(values) => ColumnData::Fixed(values.split_off(at)),
        ColumnData::Bool(values) => ColumnData::Bool(values.split_off(at)),
        ColumnData::Text(text) => ColumnData::Text(TextColumn {
            dictionary: text.dictionary.clone(),
            index: text.index.split_off(at),
        }),
        ColumnData::Array(array) => {
            let base = at.checked_sub(1).and_then(|before| array.ends.get(before)).copied().unwrap_or(0);
            let ends = array.ends.split_off(at).into_iter().map(|end| end - base).collect();
            let items = split_data(&mut array.items, usize::try_from(base).unwrap_or(usize::MAX));
            ColumnData::Array(ArrayColumn { ends, items: Box::new(items) })
        }
    }
}

/// Whether the later rows may go behind the others: they have the same signals, and are all later.
pub(super) fn continues(rows: &RowGroup, later: &RowGroup) -> bool {
    let in_order = match (rows.times.last(), later.times.first()) {
        (Some(last), Some(first)) => last < first,
        (None, _) | (_, None) => true,
    };
    let alike = |(a, b): (&Column, &Column)| a.signal == b.signal && are_alike(&a.data, &b.data);
    in_order
        && rows.columns.len() == later.columns.len()
        && rows.columns.iter().zip(&later.columns).all(alike)
}

fn are_alike(a: &ColumnData, b: &ColumnData) -> bool {
    match (a, b) {
        (ColumnData::Fixed(_), ColumnData::Fixed(_))
        | (ColumnData::Bool(_), ColumnData::Bool(_))
        | (ColumnData::Text(_), ColumnData::Text(_)) => true,
        (ColumnData::Array(a), ColumnData::Array(b)) => are_alike(&a.items, &b.items),
        (ColumnData::Fixed(_) | ColumnData::Bool(_) | ColumnData::Text(_) | ColumnData::Array(_), _) => false,
    }
}

/// Puts rows behind those that they continue; says how many bytes of memory that took.
pub(super) fn append(rows: &mut RowGroup, later: &RowGroup) -> usize {
    let first_row = index_u32(rows.times.len());
    let capacity = rows.times.capacity();
    rows.times.extend_from_slice(&later.times);
    let times = (rows.times.capacity() - capacity) * size_of::<Timestamp>();
    let columns = rows.columns.iter_mut().zip(&later.columns);
    times + columns.map(|(column, later)| append_column(column, later, first_row)).sum::<usize>()
}

fn append_column(column: &mut Column, later: &Column, first_row: u32) -> usize {
    let (capacity, texts) = (capacity_bytes(column), dictionary(&column.data).len());
    append_data(&mut column.data, &later.data);
    let moved = |exception: &Exception| Exception { row: first_row + exception.row, ..exception.clone() };
    column.exceptions.extend(later.exceptions.iter().map(moved));
    let new_texts = dictionary(&column.data)[texts..].iter().map(text_bytes).sum::<usize>();
    capacity_bytes(column) - capacity + new_texts + raw_bytes(&later.exceptions)
}

fn append_data(data: &mut ColumnData, later: &ColumnData) {
    match (data, later) {
        (ColumnData::Fixed(values), ColumnData::Fixed(later)) => values.extend_from_slice(later),
        (ColumnData::Bool(values), ColumnData::Bool(later)) => values.extend_from_slice(later),
        (ColumnData::Text(text), ColumnData::Text(later)) => append_text(text, later),
        (ColumnData::Array(array), ColumnData::Array(later)) => {
            let before = index_u32(array.items.len());
            array.ends.extend(later.ends.iter().map(|end| before + end));
            append_data(&mut array.items, &later.items);
        }
        (ColumnData::Fixed(_) | ColumnData::Bool(_) | ColumnData::Text(_) | ColumnData::Array(_), _) => {
            unreachable!("rows that continue others have columns like theirs")
        }
    }
}

fn append_text(text: &mut TextColumn, later: &TextColumn) {
    let places: Vec<u32> = later.dictionary.iter().map(|entry| text.place_of(entry)).collect();
    // A row whose place is none has no text before and after.
    let place = |place: &u32| places.get(usize::try_from(*place).ok()?).copied();
    text.index.extend(later.index.iter().map(|of_row| place(of_row).unwrap_or(u32::MAX)));
}

/// A copy with the same room to grow, so that it takes as many bytes.
pub(super) fn copy(rows: &RowGroup) -> RowGroup {
    let column = |column: &Column| Column {
        signal: column.signal,
        data: copy_data(&column.data),
        exceptions: copy_of(&column.exceptions),
    };
    let mut columns = Vec::with_capacity(rows.columns.capacity());
    columns.extend(rows.columns.iter().map(column));
    RowGroup { times: copy_of(&rows.times), columns }
}

fn copy_data(data: &ColumnData) -> ColumnData {
    match data {
        ColumnData::Fixed(values) => ColumnData::Fixed(copy_of(values)),
        ColumnData::Bool(values) => ColumnData::Bool(copy_of(values)),
        ColumnData::Text(text) => ColumnData::Text(TextColumn {
            dictionary: copy_of(&text.dictionary),
            index: copy_of(&text.index),
        }),
        ColumnData::Array(array) => {
            let items = Box::new(copy_data(&array.items));
            ColumnData::Array(ArrayColumn { ends: copy_of(&array.ends), items })
        }
    }
}

/// A clone that keeps its spare capacity.
pub(super) fn copy_of<T: Clone>(entries: &Vec<T>) -> Vec<T> {
    let mut copy = Vec::with_capacity(entries.capacity());
    copy.extend_from_slice(entries);
    copy
}

/// Gives back what memory is spare.
pub(super) fn shrink_to_fit(rows: &mut RowGroup) {
    rows.times.shrink_to_fit();
    rows.columns.shrink_to_fit();
    for column in &mut rows.columns {
        column.exceptions.shrink_to_fit();
        shrink_data_to_fit(&mut column.data);
    }
}

fn shrink_data_to_fit(data: &mut ColumnData) {
    match data {
        ColumnData::Fixed(values) => values.shrink_to_fit(),
        ColumnData::Bool(values) => values.shrink_to_fit(),
        ColumnData::Text(text) => {
            text.dictionary.shrink_to_fit();
            text.index.shrink_to_fit();
        }
        ColumnData::Array(array) => {
            array.ends.shrink_to_fit();
            shrink_data_to_fit(&mut array.items);
        }
    }
}

/// The memory that rows take, what is spare included.
pub(super) fn bytes(rows: &RowGroup) -> usize {
    let texts = |column: &Column| dictionary(&column.data).iter().map(text_bytes).sum::<usize>();
    let of = |column| capacity_bytes(column) + texts(column) + raw_bytes(&column.exceptions);
    rows.times.capacity() * size_of::<Timestamp>()
        + rows.columns.capacity() * size_of::<Column>()
        + rows.columns.iter().map(of).sum::<usize>()
}

/// What a column's rows take, without texts.
fn capacity_bytes(column: &Column) -> usize {
    column.exceptions.capacity() * size_of::<Exception>() + data_capacity_bytes(&column.data)
}

fn data_capacity_bytes(data: &ColumnData) -> usize {
    match data {
        ColumnData::Fixed(values) => values.capacity() * size_of::<Mantissa>(),
        ColumnData::Bool(values) => values.capacity(),
        ColumnData::Text(text) => {
            text.dictionary.capacity() * size_of::<Arc<str>>() + text.index.capacity() * size_of::<u32>()
        }
        ColumnData::Array(array) => {
            let items = size_of::<ColumnData>() + data_capacity_bytes(&array.items);
            array.ends.capacity() * size_of::<u32>() + items
        }
    }
}

/// The texts of a column's dictionary, or of its items'.
fn dictionary(data: &ColumnData) -> &[Arc<str>] {
    match data {
        ColumnData::Fixed(_) | ColumnData::Bool(_) => &[],
        ColumnData::Text(text) => &text.dictionary,
        ColumnData::Array(array) => dictionary(&array.items),
    }
}

/// A text with the counts of those who share it.
fn text_bytes(text: &Arc<str>) -> usize {
    text.len() + 2 * size_of::<usize>()
}

fn raw_bytes(exceptions: &[Exception]) -> usize {
    exceptions.iter().filter_map(|exception| exception.raw.as_ref()).map(text_bytes).sum()
}

fn index_u32(index: usize) -> u32 {
    u32::try_from(index).expect("limits keep rows far below 2^32")
}

#[cfg(test)]
mod tests;
