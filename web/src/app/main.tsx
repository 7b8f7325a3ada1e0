import { Matrix } from "../matrix/matrix";
console.log(Matrix);
