//! The canonical ABI: how values cross between a component and its host where the component's main
//! module is run by itself (`flatten`).
//!
//! What a function is called with is *lifted* out of core values and the component's memory, and what it
//! returns is *lowered* into them, as the component model's `CanonicalABI.md` lays it out. Handles are
//! places in the table of resources, behind those of the request and of its `response-outparam`, which are in
//! no table; 0 is none.
//!
//! Everything that a component hands over is checked before it is believed: that it lies within its
//! memory and is aligned, that text is UTF-8, that there is such a case; and all of one call together is
//! no more than `--max-call-size`.

mod types;
mod values;

pub(crate) use values::{each_entry, handle};
use wasmtime::{Result, bail, ensure};

/// How a type is laid out.
pub(crate) trait Layout {
    /// In memory, in bytes.
    const SIZE: usize;
    const ALIGN: usize;
    /// How many core values it is flattened to.
    const FLAT: usize;
    /// Whether the component makes room for a part of it.
    const ALLOCATES: bool;

    /// Adds the core values that it is flattened to.
    fn flatten(core: &mut Vec<Core>);
}

/// A value that a component hands over.
pub(crate) trait Lift: Layout + Sized {
    /// Takes it from core values, and what they point to.
    fn lift(values: &mut Values<'_>, source: &mut Source<'_>) -> Result<Self>;

    /// Takes it from memory.
    fn load(at: usize, source: &mut Source<'_>) -> Result<Self>;

    /// Takes so many of them, one behind the other, which are within the memory.
    fn load_list(at: usize, count: usize, source: &mut Source<'_>) -> Result<Vec<Self>> {
        (0..count)
            .map(|index| Self::load(at + index * Self::SIZE, source))
            .collect()
    }
}

/// A value that a component is handed.
pub(crate) trait Lower: Layout {
    /// Writes it to its place. What the component has to make room for is added to `blocks`.
    fn store(self, to: &mut [u8], place: Place, blocks: &mut Vec<Block>);

    /// Writes many of them, one behind the other, to a block.
    fn store_list(list: Vec<Self>, place: Place, blocks: &mut Vec<Block>) -> Vec<u8>
    where
        Self: Sized,
    {
        let mut bytes = vec![0; list.len() * Self::SIZE];
        for (index, value) in list.into_iter().enumerate() {
            let at = index * Self::SIZE;
            value.store(&mut bytes[at..at + Self::SIZE], place.behind(at), blocks);
        }
        bytes
    }
}

/// The type of a core value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Core {
    I32,
    I64,
}

impl Core {
    /// The type that has room for both.
    fn join(self, other: Self) -> Self {
        if self == other { self } else { Self::I64 }
    }
}

/// The core values that a function is called with.
pub(crate) struct Values<'a>(pub(crate) &'a [u64]);

impl Values<'_> {
    /// The next.
    ///
    /// # Errors
    ///
    /// When there is none, which the types of functions rule out.
    pub(crate) fn next(&mut self) -> Result<u64> {
        let Some((value, rest)) = self.0.split_first() else {
            bail!("a value is missing");
        };
        self.0 = rest;
        Ok(*value)
    }

    /// The next, of 32 bits.
    pub(crate) fn next_u32(&mut self) -> Result<u32> {
        // What has room for 64 bits too holds one of 32 in its lower half.
        Ok(self.next()? as u32)
    }

    /// What comes after the next `count`.
    fn after(&self, count: usize) -> Self {
        Self(self.0.get(count..).unwrap_or_default())
    }
}

/// What a component hands over lies here.
pub(crate) struct Source<'a> {
    pub(crate) memory: &'a [u8],
    /// How many bytes may still be handed over.
    pub(crate) most: usize,
}

impl<'a> Source<'a> {
    /// The bytes at an address.
    fn bytes(&self, at: usize, length: usize) -> Result<&'a [u8]> {
        let bytes = self.memory.get(at..).and_then(|rest| rest.get(..length));
        bytes.ok_or_else(|| wasmtime::format_err!("a value is not within the component's memory"))
    }

    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(at, N)?);
        Ok(array)
    }

    /// Counts bytes that are copied out of the memory.
    fn count(&mut self, bytes: usize) -> Result<()> {
        let Some(left) = self.most.checked_sub(bytes) else {
            bail!("a call hands over more than --max-call-size");
        };
        self.most = left;
        Ok(())
    }
}

/// Where something is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The block, counted from 0; nothing for what the component has made room for before.
    block: Option<usize>,
    /// Where it begins in that; or an address.
    offset: usize,
}

impl Place {
    /// The beginning of a block.
    fn in_block(block: usize) -> Self {
        Self {
            block: Some(block),
            offset: 0,
        }
    }

    fn behind(self, offset: usize) -> Self {
        Self {
            offset: self.offset + offset,
            ..self
        }
    }
}

/// Something that the component makes room for.
#[derive(Debug)]
pub(crate) struct Block {
    bytes: Vec<u8>,
    align: usize,
    /// Where its address belongs.
    pointer: Place,
}

/// A result on its way into the memory of a component, which makes room for one block after the other; or
/// none.
#[derive(Debug, Default)]
pub(crate) struct Lowering {
    blocks: Vec<Block>,
    /// Those that are there.
    addresses: Vec<usize>,
}

impl Lowering {
    /// Whether nothing is on its way.
    pub(crate) fn is_done(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Gives up what is on its way.
    pub(crate) fn clear(&mut self) {
        self.blocks.clear();
        self.addresses.clear();
    }

    /// Begins to write a result to where the component has room for the outermost of it. Returns how much
    /// room it has to make next, for `realloc`: alignment and size in the halves of a number; 0 for no more.
    ///
    /// # Errors
    ///
    /// That is not within its memory, or not aligned.
    pub(crate) fn begin<T: Lower>(
        &mut self,
        value: T,
        address: u32,
        memory: &mut [u8],
    ) -> Result<u64> {
        self.clear();
        let offset = address as usize;
        let to = slot(memory, offset, T::ALIGN, T::SIZE)?;
        let block = None;
        value.store(to, Place { block, offset }, &mut self.blocks);
        Ok(self.wanted())
    }

    /// Puts the next block where the component has made room for it. Returns as `begin` does.
    ///
    /// # Errors
    ///
    /// That is not within its memory, or not aligned.
    pub(crate) fn put(&mut self, address: u32, memory: &mut [u8]) -> Result<u64> {
        let at = address as usize;
        let Some(block) = self.blocks.get(self.addresses.len()) else {
            bail!("nothing is to be written");
        };
        slot(memory, at, block.align, block.bytes.len())?.copy_from_slice(&block.bytes);
        let pointer = match block.pointer.block {
            Some(outer) => self.addresses[outer] + block.pointer.offset,
            None => block.pointer.offset,
        };
        slot(memory, pointer, 4, 4)?.copy_from_slice(&address.to_le_bytes());
        self.addresses.push(at);
        Ok(self.wanted())
    }

    fn wanted(&mut self) -> u64 {
        let Some(block) = self.blocks.get(self.addresses.len()) else {
            self.clear();
            return 0;
        };
        (block.align as u64) << 32 | block.bytes.len() as u64
    }
}

/// A value that is flattened to one core value, or none.
pub(crate) fn lower<T: Lower>(value: T) -> u64 {
    let mut bytes = [0; 8];
    let place = Place::in_block(0);
    // It is as long as one, and there is nothing in it that points elsewhere.
    value.store(&mut bytes, place, &mut Vec::new());
    u64::from_le_bytes(bytes)
}

/// A part of the memory of a component, to write something to.
fn slot(memory: &mut [u8], at: usize, align: usize, size: usize) -> Result<&mut [u8]> {
    ensure!(at.is_multiple_of(align), "an address is not aligned");
    let slot = memory.get_mut(at..).and_then(|rest| rest.get_mut(..size));
    slot.ok_or_else(|| wasmtime::format_err!("an address is not within the component's memory"))
}

#[cfg(test)]
mod tests;
