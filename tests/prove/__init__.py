"""`make prove`: the tests of faults and attacks in their full size, and a page that says what came of them."""
