//! Disks that are full or broken, and clocks that jump.
