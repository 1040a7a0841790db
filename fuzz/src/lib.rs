//! What the targets share: a bound on memory that holds without a sanitizer, and how a seed is cut into parts.

use std::alloc::{GlobalAlloc, Layout, System};

/// The most that one allocation may ask for: sixty times the longest input.
const LARGEST: usize = 256 << 10;

/// Refuses an allocation that no input is worth. libFuzzer's own `-malloc_limit_mb` needs a sanitizer, and so a nightly
/// compiler; a refused allocation ends the process, and libFuzzer keeps the input.
struct Bounded;

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

// SAFETY: everything is handed on to `System`, or refused with a null pointer as the trait allows.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > LARGEST {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise about `layout` is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: whatever was handed out came from `System`, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > LARGEST {
            return std::ptr::null_mut();
        }
        // SAFETY: as for `dealloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// The parts of a seed, which lines of `====` divide.
pub fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n====\n")
}
