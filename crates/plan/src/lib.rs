//! Manifest, desired and observed state, diff, order, plan, apply as a state machine, rendering. No IO..
