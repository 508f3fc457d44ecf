//! Numbers, text, lists, options and handles.

use super::{Block, Core, Layout, Lift, Lower, Place, Source, Values};
use wasmtime::component::Resource;
use wasmtime::{Result, bail, ensure};

/// The largest of some numbers, or 0.
pub(super) const fn most(numbers: &[usize]) -> usize {
    let (mut most, mut index) = (0, 0);
    while index < numbers.len() {
        if numbers[index] > most {
            most = numbers[index];
        }
        index += 1;
    }
    most
}

/// What is flattened to one core value.
macro_rules! number {
    ($type:ty, $core:ident, $size:literal, |$value:ident| $lift:expr $(, $load_list:item, $store_list:item)?) => {
        impl Layout for $type {
            const SIZE: usize = $size;
            const ALIGN: usize = $size;
            const FLAT: usize = 1;
            const ALLOCATES: bool = false;

            fn flatten(core: &mut Vec<Core>) {
                core.push(Core::$core);
            }
        }

        impl Lift for $type {
            fn lift(values: &mut Values<'_>, _: &mut Source<'_>) -> Result<Self> {
                let $value = values.next()?;
                $lift
            }

            fn load(at: usize, source: &mut Source<'_>) -> Result<Self> {
                let mut bytes = [0; 8];
                bytes[..$size].copy_from_slice(&source.array::<$size>(at)?);
                let $value = u64::from_le_bytes(bytes);
                $lift
            }

            $($load_list)?
        }

        impl Lower for $type {
            fn store(self, to: &mut [u8], _: Place, _: &mut Vec<Block>) {
                to[..$size].copy_from_slice(&u64::from(self).to_le_bytes()[..$size]);
            }

            $($store_list)?
        }
    };
}

number!(
    u8,
    I32,
    1,
    |value| Ok(value as u8),
    fn load_list(at: usize, count: usize, source: &mut Source<'_>) -> Result<Vec<Self>> {
        Ok(source.bytes(at, count)?.to_vec())
    },
    fn store_list(list: Vec<Self>, _: Place, _: &mut Vec<Block>) -> Vec<u8> {
        list
    }
);
number!(u16, I32, 2, |value| Ok(value as u16));
number!(u32, I32, 4, |value| Ok(value as u32));
number!(u64, I64, 8, |value| Ok(value));
// Whatever is not 0 is true.
number!(bool, I32, 1, |value| Ok(value as u32 != 0));

impl<T: 'static> Layout for Resource<T> {
    const SIZE: usize = 4;
    const ALIGN: usize = 4;
    const FLAT: usize = 1;
    const ALLOCATES: bool = false;

    fn flatten(core: &mut Vec<Core>) {
        core.push(Core::I32);
    }
}

/// The handle of the resource that is first in the table. Those before it are of two that are not there.
const FIRST: u32 = 3;

/// The handle of a resource.
pub(crate) fn handle<T: 'static>(resource: &Resource<T>) -> u32 {
    resource.rep().wrapping_add(FIRST)
}

/// The resource of a handle. Whether there is one of this type the table knows, which everybody asks first.
fn resource<T: 'static>(handle: u32) -> Result<Resource<T>> {
    ensure!(handle != 0, "0 is no handle");
    Ok(Resource::new_own(handle.wrapping_sub(FIRST)))
}

impl<T: 'static> Lift for Resource<T> {
    fn lift(values: &mut Values<'_>, _: &mut Source<'_>) -> Result<Self> {
        resource(values.next_u32()?)
    }

    fn load(at: usize, source: &mut Source<'_>) -> Result<Self> {
        resource(u32::load(at, source)?)
    }
}

impl<T: 'static> Lower for Resource<T> {
    fn store(self, to: &mut [u8], place: Place, blocks: &mut Vec<Block>) {
        handle(&self).store(to, place, blocks);
    }
}

/// What is nothing takes no room, where there could be something.
impl Layout for () {
    const SIZE: usize = 0;
    const ALIGN: usize = 1;
    const FLAT: usize = 0;
    const ALLOCATES: bool = false;

    fn flatten(_: &mut Vec<Core>) {}
}

impl Lift for () {
    fn lift(_: &mut Values<'_>, _: &mut Source<'_>) -> Result<Self> {
        Ok(())
    }

    fn load(_: usize, _: &mut Source<'_>) -> Result<Self> {
        Ok(())
    }
}

impl Lower for () {
    fn store(self, _: &mut [u8], _: Place, _: &mut Vec<Block>) {}
}

impl Layout for String {
    const SIZE: usize = 8;
    const ALIGN: usize = 4;
    const FLAT: usize = 2;
    const ALLOCATES: bool = true;

    fn flatten(core: &mut Vec<Core>) {
        core.extend([Core::I32; 2]);
    }
}

fn text(at: u32, length: u32, source: &mut Source<'_>) -> Result<String> {
    source.count(length as usize)?;
    let bytes = source.bytes(at as usize, length as usize)?;
    Ok(std::str::from_utf8(bytes)?.to_owned())
}

impl Lift for String {
    fn lift(values: &mut Values<'_>, source: &mut Source<'_>) -> Result<Self> {
        text(values.next_u32()?, values.next_u32()?, source)
    }

    fn load(at: usize, source: &mut Source<'_>) -> Result<Self> {
        text(u32::load(at, source)?, u32::load(at + 4, source)?, source)
    }
}

impl Lower for String {
    fn store(self, to: &mut [u8], place: Place, blocks: &mut Vec<Block>) {
        self.into_bytes().store(to, place, blocks);
    }
}

impl<T> Layout for Vec<T> {
    const SIZE: usize = 8;
    const ALIGN: usize = 4;
    const FLAT: usize = 2;
    const ALLOCATES: bool = true;

    fn flatten(core: &mut Vec<Core>) {
        core.extend([Core::I32; 2]);
    }
}

/// Whether a list is where it should be, and no more than may be handed over.
fn begin_list<T: Layout>(at: u32, count: u32, source: &mut Source<'_>) -> Result<()> {
    let (at, count) = (at as usize, count as usize);
    ensure!(at.is_multiple_of(T::ALIGN), "a list is not aligned");
    // As the host keeps it, which may be several times as much.
    let size = count.checked_mul(T::SIZE.max(size_of::<T>()));
    source.count(size.unwrap_or(usize::MAX))?;
    source.bytes(at, count * T::SIZE)?;
    Ok(())
}

fn list<T: Lift>(at: u32, count: u32, source: &mut Source<'_>) -> Result<Vec<T>> {
    begin_list::<T>(at, count, source)?;
    T::load_list(at as usize, count as usize, source)
}

/// Hands on each of a list of names and values, as the fields of a message are handed over.
pub(crate) fn each_entry(
    at: u32,
    count: u32,
    source: &mut Source<'_>,
    mut act: impl FnMut(&str, &[u8]),
) -> Result<()> {
    type Entry = (String, Vec<u8>);
    begin_list::<Entry>(at, count, source)?;
    for index in 0..count as usize {
        let at = at as usize + index * Entry::SIZE;
        let (name, value) = (bytes(at, source)?, bytes(at + 8, source)?);
        act(std::str::from_utf8(name)?, value);
    }
    Ok(())
}

/// Bytes whose address and length are here.
fn bytes<'a>(at: usize, source: &mut Source<'a>) -> Result<&'a [u8]> {
    let (at, length) = (u32::load(at, source)?, u32::load(at + 4, source)?);
    source.count(length as usize)?;
    source.bytes(at as usize, length as usize)
}

impl<T: Lift> Lift for Vec<T> {
    fn lift(values: &mut Values<'_>, source: &mut Source<'_>) -> Result<Self> {
        list(values.next_u32()?, values.next_u32()?, source)
    }

    fn load(at: usize, source: &mut Source<'_>) -> Result<Self> {
        list(u32::load(at, source)?, u32::load(at + 4, source)?, source)
    }
}

impl<T: Lower> Lower for Vec<T> {
    fn store(self, to: &mut [u8], place: Place, blocks: &mut Vec<Block>) {
        // It is no longer than the memory of the host, and what is longer than a component's finds no room.
        to[4..8].copy_from_slice(&(self.len() as u32).to_le_bytes());
        let index = blocks.len();
        blocks.push(Block {
            bytes: Vec::new(),
            align: T::ALIGN,
            pointer: place,
        });
        blocks[index].bytes = T::store_list(self, Place::in_block(index), blocks);
    }
}

/// The size and alignment of a variant, by those of what its cases have. That begins behind a byte that says
/// which case it is, and so at the alignment.
pub(super) const fn variant(cases: &[(usize, usize)]) -> (usize, usize) {
    let (mut size, mut align, mut index) = (0_usize, 1_usize, 0);
    while index < cases.len() {
        size = most(&[size, cases[index].0]);
        align = most(&[align, cases[index].1]);
        index += 1;
    }
    ((align + size).next_multiple_of(align), align)
}

/// Adds the core values of a variant: which case it is, and then room for what any of them has.
pub(super) fn flatten_variant(core: &mut Vec<Core>, cases: &[fn(&mut Vec<Core>)]) {
    let mut joined = Vec::new();
    for case in cases {
        let mut own = Vec::new();
        case(&mut own);
        for (index, core) in own.into_iter().enumerate() {
            match joined.get_mut(index) {
                Some(shared) => *shared = core.join(*shared),
                None => joined.push(core),
            }
        }
    }
    core.push(Core::I32);
    core.extend(joined);
}

impl<T: Layout> Layout for Option<T> {
    const SIZE: usize = variant(&[(T::SIZE, T::ALIGN)]).0;
    const ALIGN: usize = T::ALIGN;
    const FLAT: usize = 1 + T::FLAT;
    const ALLOCATES: bool = T::ALLOCATES;

    fn flatten(core: &mut Vec<Core>) {
        flatten_variant(core, &[T::flatten]);
    }
}

impl<T: Lift> Lift for Option<T> {
    fn lift(values: &mut Values<'_>, source: &mut Source<'_>) -> Result<Self> {
        let case = values.next_u32()?;
        let after = values.after(T::FLAT);
        let value = match case {
            0 => None,
            1 => Some(T::lift(values, source)?),
            _ => bail!("an option is neither"),
        };
        *values = after;
        Ok(value)
    }

    fn load(at: usize, source: &mut Source<'_>) -> Result<Self> {
        match u8::load(at, source)? {
            0 => Ok(None),
            1 => Ok(Some(T::load(at + T::ALIGN, source)?)),
            _ => bail!("an option is neither"),
        }
    }
}

impl<T: Lower> Lower for Option<T> {
    fn store(self, to: &mut [u8], place: Place, blocks: &mut Vec<Block>) {
        to[0] = u8::from(self.is_some());
        if let Some(value) = self {
            value.store(&mut to[T::ALIGN..], place.behind(T::ALIGN), blocks);
        }
    }
}

impl<T: Layout, E: Layout> Layout for Result<T, E> {
    const SIZE: usize = variant(&[(T::SIZE, T::ALIGN), (E::SIZE, E::ALIGN)]).0;
    const ALIGN: usize = most(&[T::ALIGN, E::ALIGN]);
    const FLAT: usize = 1 + most(&[T::FLAT, E::FLAT]);
    const ALLOCATES: bool = T::ALLOCATES || E::ALLOCATES;

    fn flatten(core: &mut Vec<Core>) {
        flatten_variant(core, &[T::flatten, E::flatten]);
    }
}

impl<T: Lift, E: Lift> Lift for Result<T, E> {
    fn lift(values: &mut Values<'_>, source: &mut Source<'_>) -> wasmtime::Result<Self> {
        let case = values.next_u32()?;
        let after = values.after(Self::FLAT - 1);
        let value = match case {
            0 => Ok(T::lift(values, source)?),
            1 => Err(E::lift(values, source)?),
            _ => bail!("a result is neither"),
        };
        *values = after;
        Ok(value)
    }

    fn load(at: usize, source: &mut Source<'_>) -> wasmtime::Result<Self> {
        match u8::load(at, source)? {
            0 => Ok(Ok(T::load(at + Self::ALIGN, source)?)),
            1 => Ok(Err(E::load(at + Self::ALIGN, source)?)),
            _ => bail!("a result is neither"),
        }
    }
}

impl<T: Lower, E: Lower> Lower for Result<T, E> {
    fn store(self, to: &mut [u8], place: Place, blocks: &mut Vec<Block>) {
        to[0] = u8::from(self.is_err());
        let (to, place) = (&mut to[Self::ALIGN..], place.behind(Self::ALIGN));
        match self {
            Ok(value) => value.store(to, place, blocks),
            Err(error) => error.store(to, place, blocks),
        }
    }
}

/// The layout of a record, by size and alignment of its fields: its own.
pub(super) const fn record(fields: &[(usize, usize)]) -> (usize, usize) {
    let (mut size, mut align, mut index) = (0_usize, 1_usize, 0);
    while index < fields.len() {
        size = size.next_multiple_of(fields[index].1) + fields[index].0;
        align = most(&[align, fields[index].1]);
        index += 1;
    }
    (size.next_multiple_of(align), align)
}

/// Where the fields of a record are, one after the other.
#[derive(Default)]
pub(super) struct Offsets(usize);

impl Offsets {
    pub(super) fn next<T: Layout>(&mut self) -> usize {
        let offset = self.0.next_multiple_of(T::ALIGN);
        self.0 = offset + T::SIZE;
        offset
    }
}

macro_rules! tuple {
    ($($type:ident $index:tt),*) => {
        impl<$($type: Layout),*> Layout for ($($type,)*) {
            const SIZE: usize = record(&[$(($type::SIZE, $type::ALIGN)),*]).0;
            const ALIGN: usize = record(&[$(($type::SIZE, $type::ALIGN)),*]).1;
            const FLAT: usize = 0 $(+ $type::FLAT)*;
            const ALLOCATES: bool = false $(|| $type::ALLOCATES)*;

            fn flatten(core: &mut Vec<Core>) {
                $($type::flatten(core);)*
            }
        }

        impl<$($type: Lift),*> Lift for ($($type,)*) {
            fn lift(values: &mut Values<'_>, source: &mut Source<'_>) -> Result<Self> {
                Ok(($($type::lift(values, source)?,)*))
            }

            fn load(at: usize, source: &mut Source<'_>) -> Result<Self> {
                let mut offsets = Offsets::default();
                Ok(($($type::load(at + offsets.next::<$type>(), source)?,)*))
            }
        }

        impl<$($type: Lower),*> Lower for ($($type,)*) {
            fn store(self, to: &mut [u8], place: Place, blocks: &mut Vec<Block>) {
                let mut offsets = Offsets::default();
                $({
                    let offset = offsets.next::<$type>();
                    self.$index.store(&mut to[offset..], place.behind(offset), blocks);
                })*
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
