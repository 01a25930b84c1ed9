//! An embedded local Tencent Cloud: the real protocol on a laptop.
