/* Programs that differed once, and that the fixed seeds need not meet again. */

export const cases = [];
