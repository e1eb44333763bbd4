# libspeedster_runtime: what an application ships.
