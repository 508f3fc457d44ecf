//! The component's allocator: lists of free blocks by size, before the one of its C library.
//!
//! A request for a small file allocates some 60 times, seldom more than 64 bytes, and frees all of it.
//! `malloc` takes 300 instructions for each pair of calls: a sixth of what the request costs. Here it
//! is 30. What is unsafe about it stays in the sandbox, as all of the component does.

#![expect(unsafe_code, reason = "an allocator hands out raw memory")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::{self, null_mut};

/// The size of the smallest blocks: each next class is twice as large. Also what all are aligned to.
const SMALLEST: usize = 8;
const CLASSES: usize = 8;
const LARGEST: usize = SMALLEST << (CLASSES - 1);

/// How much is asked of the C library at once to cut blocks from. There are 15 KiB of heap before the
/// memory has to grow.
const CHUNK: usize = 4096;

/// An allocator for one thread.
pub(crate) struct Blocks(UnsafeCell<Free>);

struct Free {
    /// The first free block of each class; each points to the next.
    lists: [*mut u8; CLASSES],
    /// What is left of a chunk.
    rest: *mut u8,
    rest_size: usize,
}

// SAFETY: a component has one thread.
#[cfg(target_os = "wasi")]
unsafe impl Sync for Blocks {}

#[cfg(target_os = "wasi")]
#[global_allocator]
static ALLOCATOR: Blocks = Blocks::new();

impl Blocks {
    const fn new() -> Self {
        Self(UnsafeCell::new(Free {
            lists: [null_mut(); CLASSES],
            rest: null_mut(),
            rest_size: 0,
        }))
    }
}

/// The class of the blocks that this fits in; nothing if it is for the C library.
#[inline]
fn class(layout: Layout) -> Option<usize> {
    if layout.size() > LARGEST || layout.align() > SMALLEST {
        return None;
    }
    let units = layout.size().div_ceil(SMALLEST).max(1);
    Some(units.next_power_of_two().trailing_zeros() as usize)
}

// SAFETY: a block is handed out once until it is freed: it is either cut from a chunk, which is never
// freed, or taken off its list. It is as large as its class, which is that of its layout both times, and
// aligned as chunks are. No method calls another while it holds `free`.
unsafe impl GlobalAlloc for Blocks {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(class) = class(layout) else {
            return unsafe { System.alloc(layout) };
        };
        let free = unsafe { &mut *self.0.get() };
        let first = free.lists[class];
        if !first.is_null() {
            free.lists[class] = unsafe { first.cast::<*mut u8>().read() };
            return first;
        }
        let size = SMALLEST << class;
        if free.rest_size < size {
            let chunk = unsafe { System.alloc(Layout::from_size_align_unchecked(CHUNK, SMALLEST)) };
            if chunk.is_null() {
                return chunk;
            }
            free.rest = chunk;
            free.rest_size = CHUNK;
        }
        let block = free.rest;
        free.rest = unsafe { block.add(size) };
        free.rest_size -= size;
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(class) = class(layout) else {
            return unsafe { System.dealloc(block, layout) };
        };
        let free = unsafe { &mut *self.0.get() };
        unsafe { block.cast::<*mut u8>().write(free.lists[class]) };
        free.lists[class] = block;
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (class(layout), class(new)) {
            (None, None) => unsafe { System.realloc(block, layout, size) },
            (old, new) if old == new => block,
            _ => unsafe {
                let moved = self.alloc(new);
                if !moved.is_null() {
                    ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                    self.dealloc(block, layout);
                }
                moved
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a program does with its allocator.
    #[derive(Clone, Debug)]
    enum Act {
        Allocate(Layout),
        Free(prop::sample::Index),
        Resize(prop::sample::Index, usize),
    }

    fn sizes() -> impl Strategy<Value = usize> {
        prop_oneof![1..80_usize, LARGEST - 2..LARGEST + 3, 1..3 * CHUNK]
    }

    fn acts() -> impl Strategy<Value = Act> {
        let layouts = (sizes(), 0..6_u32)
            .prop_map(|(size, align)| Layout::from_size_align(size, 1 << align).unwrap());
        prop_oneof![
            3 => layouts.prop_map(Act::Allocate),
            2 => any::<prop::sample::Index>().prop_map(Act::Free),
            2 => (any::<prop::sample::Index>(), sizes()).prop_map(|(at, size)| Act::Resize(at, size)),
        ]
    }

    /// A block that is in use, each byte of it `mark`.
    struct Used {
        block: *mut u8,
        layout: Layout,
        mark: u8,
    }

    impl Used {
        fn bytes(&mut self) -> &mut [u8] {
            // SAFETY: it was allocated with this layout, written as a whole, and is not freed.
            unsafe { std::slice::from_raw_parts_mut(self.block, self.layout.size()) }
        }

        fn is_intact(&mut self) -> bool {
            let mark = self.mark;
            self.block.addr().is_multiple_of(self.layout.align())
                && self.bytes().iter().all(|byte| *byte == mark)
        }
    }

    proptest! {
        #[test]
        fn blocks_are_aligned_and_nobody_elses(acts in prop::collection::vec(acts(), 0..200)) {
            let allocator = Blocks::new();
            let mut used: Vec<Used> = Vec::new();
            for (act, mark) in acts.into_iter().zip((0..=u8::MAX).cycle()) {
                match act {
                    Act::Allocate(layout) => {
                        // SAFETY: no size is zero.
                        let block = unsafe { allocator.alloc(layout) };
                        // SAFETY: as large as was asked for.
                        unsafe { block.write_bytes(mark, layout.size()) };
                        used.push(Used { block, layout, mark });
                    }
                    Act::Free(at) if !used.is_empty() => {
                        let mut freed = used.swap_remove(at.index(used.len()));
                        prop_assert!(freed.is_intact());
                        // SAFETY: allocated with this layout, and used no more.
                        unsafe { allocator.dealloc(freed.block, freed.layout) };
                    }
                    Act::Resize(at, size) if !used.is_empty() => {
                        let at = at.index(used.len());
                        let old = &mut used[at];
                        let kept = old.layout.size().min(size);
                        // SAFETY: as above.
                        old.block = unsafe { allocator.realloc(old.block, old.layout, size) };
                        old.layout = Layout::from_size_align(size, old.layout.align()).unwrap();
                        let before = std::mem::replace(&mut old.mark, mark);
                        prop_assert!(old.bytes()[..kept].iter().all(|byte| *byte == before));
                        old.bytes().fill(mark);
                    }
                    _ => {}
                }
            }
            for mut rest in used {
                prop_assert!(rest.is_intact());
                // SAFETY: as above.
                unsafe { allocator.dealloc(rest.block, rest.layout) };
            }
        }
    }

    #[test]
    fn what_is_freed_serves_again() {
        let allocator = Blocks::new();
        let layout = |size| Layout::from_size_align(size, 1).unwrap();
        // SAFETY: each block is freed with the layout of its allocation, once.
        unsafe {
            let first = allocator.alloc(layout(17));
            allocator.dealloc(first, layout(17));
            assert_eq!(allocator.alloc(layout(32)), first);
            assert_ne!(allocator.alloc(layout(32)), first);
        }
    }
}
