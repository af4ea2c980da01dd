import { expect, it } from "vitest";
import { flag, parseSearch, sort, stringifySearch, texts, whole } from "./search";

it("gives back what it was given, digit by digit", () => {
  const search = {
    from: "offset:9007199254740993",
    q: "a&b=c d",
    json: ['$.city == "London"', "$.t > 14"],
    view: "0@42",
  };
  expect(parseSearch(stringifySearch(search))).toEqual(search);
});

it("leaves out what is not set", () => {
  expect(stringifySearch({ a: undefined, b: "", c: false, d: [] })).toBe("");
});

it("drops what it does not understand", () => {
  expect(whole({ page: "-1" }, "page")).toBeUndefined();
  expect(whole({ page: "2" }, "page")).toBe(2);
  expect(whole({}, "page")).toBeUndefined();
  expect(flag({ tail: "yes" }, "tail")).toBeUndefined();
  expect(sort({ sort: "-lag" }, ["lag"])).toBe("-lag");
  expect(sort({ sort: "password" }, ["lag"])).toBeUndefined();
  expect(texts({ json: "one" }, "json")).toEqual(["one"]);
});
