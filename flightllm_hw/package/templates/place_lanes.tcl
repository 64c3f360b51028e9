
# Runs before placement, in whatever the kernel is a part of. USER_SLR_ASSIGNMENT is a wish: look at
# the report of the placed design whether it was granted.
set lane 0
foreach die $dies {
    set cells [get_cells -hierarchical -filter "NAME =~ */kernel/core/node_$lane"]
    if {[llength $cells] != 1} {
        error "There must be one cell of lane $lane to be placed, not [llength $cells]"
    }
    set_property USER_SLR_ASSIGNMENT SLR$die $cells
    incr lane
}
