-- The counts of a facet's value; a state's are shared between the stored one and what it is at the moment of reading.
if(
    facet = 0,
    [
        (counted_state, counted - restated),
        (
            toNullable(
                --: restated_as
            ),
            restated)
    ],
    [(counted_state, counted)])
