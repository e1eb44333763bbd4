# libspeedster: the search.
